"""Everything that can *be* a machine: one pure model (`machine`) and the arms that give it packets and disks."""

from nodes.compiled import prefer

prefer()
