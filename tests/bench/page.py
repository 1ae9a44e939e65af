"""The page's pictures for the docs, and how fast it is. From the root of a checkout, with Chromium:

uv run --with pillow python tests/bench/page.py pictures docs/images  # page-*.png, of two runs simulated here
uv run --with pillow python tests/bench/page.py moving docs/images    # page.webp: a hang, and a survivor
uv run python tests/bench/page.py frames  # a second while scrubbing; seconds to open and to list
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from browserpages import DESK, PHONE, View, browser, view
from msgspec import structs
from playwright.sync_api import Browser
from storedruns import stored
from syntheticruns import CALM, deadlock, several, trace
from webpages import serving

from controller.experiment.scenario import load
from controller.simulated.local import run_here
from controller.web.house import House

CLASSIC = Path("scenarios/classic.yaml")
MOMENTS_S = {"waiting": 10.24, "hang": 10.56}
SCRUBS = 200
"""Places that the slider is moved to, one a frame."""
MACHINES, SECONDS = 16, 120
LISTED = 1000


def simulated(runs: Path, policy: str) -> str:
    """The run's id."""
    return run_here(load(CLASSIC, changes={"policy": policy}), runs).result.run


def pictures(folder: Path) -> None:
    """Pages at both sizes, light and dark."""
    with tempfile.TemporaryDirectory() as place, browser() as chromium:
        runs = Path(place) / "runs"
        hung, lived = simulated(runs, "none"), simulated(runs, "memalloc")
        hang, saved = f"#run={hung}&t={_ns('hang')}", f"#run={lived}&t={_ns('hang')}"
        with serving(runs, house=House(runs)) as page:
            for name, link, size, dark in (
                ("page-hang", hang, DESK, False), ("page-hang-dark", f"#run={hung}&t={_ns('waiting')}", DESK, True),
                ("page-saved", saved, DESK, False), ("page-phone", hang, PHONE, True),
                ("page-both", f"#run={hung},{lived}&t={_ns('hang')}", DESK, False), ("page-runs", "#runs", DESK, False),
            ):  # fmt: skip
                with view(chromium, page.port, link, size=size, dark=dark) as seen:
                    settled(seen, link)
                    path = folder / f"{name}.png"
                    path.write_bytes(_small(seen.page.screenshot()))
                    print(f"{path} {path.stat().st_size // 1024} KiB")


def settled(seen: View, link: str) -> None:
    if link == "#runs":
        seen.until("document.querySelectorAll('.thumb path').length > 1")
    else:
        seen.opened()
        seen.until(
            "netreserve.state.runs.every(run => run.columns[run.worst].t_ns.length > 600)"
        )  # the close-up is there
    seen.page.wait_for_timeout(900)


def _ns(moment: str) -> int:
    return round(MOMENTS_S[moment] * 1e9)


def _small(png: bytes) -> bytes:
    """With 128 colours: a third of the size, and no difference to the eye."""
    from PIL import Image

    kept = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def moving(folder: Path) -> None:
    """The hang as it closes, then the same flood survived: frames of the page, at moments of the run."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as place, browser() as chromium:
        runs = Path(place) / "runs"
        ids = [simulated(runs, policy) for policy in ("none", "memalloc")]
        frames: list[Image.Image] = []
        with serving(runs, house=House(runs)) as page:
            for run in ids:
                frames += _played(chromium, page.port, run)
        path = folder / "page.webp"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=140, loop=0, quality=55, method=4)
        print(f"{path} {path.stat().st_size // 1024} KiB, {len(frames)} frames")


def _played(chromium: Browser, port: int, run: str) -> list[object]:
    from PIL import Image

    with view(chromium, port, f"#run={run}&t={_ns('hang')}") as seen:
        settled(seen, "")
        found = []
        for step in range(44):
            t_ns = 9_960_000_000 + step * 10_000_000
            seen.page.evaluate("(t) => { location.hash = `run=${netreserve.state.runs[0].id}&t=${t}`; }", t_ns)
            seen.until("(t) => netreserve.clock.t === t", t_ns)
            seen.page.wait_for_timeout(60)
            shot = Image.open(io.BytesIO(seen.page.screenshot(clip={"x": 0, "y": 44, "width": 1280, "height": 756})))
            found.append(shot.convert("RGB").resize((960, 567), Image.Resampling.LANCZOS))
        return [*found, *[found[-1]] * 12]


def frames() -> None:
    """What the issue of a slow page would be: each figure on a line."""
    with tempfile.TemporaryDirectory() as place, browser() as chromium:
        runs = Path(place) / "runs"
        names = [f"initiator-{number + 1}" for number in range(MACHINES)]
        samples = [sample for name in names for sample in trace(name, SECONDS, lambda _: CALM)]
        many = structs.replace(several(MACHINES), samples=sorted(samples, key=lambda sample: sample.t_ns))
        stored(runs, many, run="20231114T221320Z-many")
        with serving(runs, house=House(runs)) as page:
            began = time.perf_counter()
            with view(chromium, page.port, "#run=20231114T221320Z-many") as seen:
                seen.opened()
                print(
                    f"opened {len(many.samples):,} samples of {MACHINES} machines in {time.perf_counter() - began:.2f} s"
                )
                print(f"scrubbed at {scrubbed(seen):.0f} frames a second")
            for number in range(LISTED - 1):
                one = deadlock()
                brief = structs.replace(one, samples=one.samples[:1], events=[])
                stored(runs, brief, run=f"20231114T{number:06d}Z-list")
            began = time.perf_counter()
            page.get("/api/runs?limit=60")
            print(f"listed {LISTED:,} runs in {time.perf_counter() - began:.3f} s")


def scrubbed(seen: View) -> float:
    """Frames a second while the slider is moved at every frame."""
    return float(
        seen.page.evaluate(
            """async (moves) => {
                const slider = document.querySelector(".track input"), began = performance.now();
                for (let i = 0; i < moves; i++) {
                    slider.value = Math.round(4000 * i / moves);
                    slider.dispatchEvent(new Event("input", { bubbles: true }));
                    await new Promise(requestAnimationFrame);
                }
                return 1000 * moves / (performance.now() - began);
            }""",
            SCRUBS,
        )
    )


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["frames"]
    folder = Path(rest[0]) if rest else Path("docs/images")
    {"pictures": lambda: pictures(folder), "moving": lambda: moving(folder), "frames": frames}[what]()
