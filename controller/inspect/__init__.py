"""Is this machine at risk? Reads a tree of files (/proc, /sys, /etc: live, copied, or collected elsewhere) and judges.

    tree = Tree(Folder("/"))           # or Tree(Collected.read(path)): see tree.py and collected.py
    answer = inspect(tree)             # what was found, how grave, why, what to do, and what could not be read

Reading alone: nothing is written, nothing is asked of a kernel but the content of files, and no file, missing or mangled,
makes it fail. What could not be read is told, and stands against "nothing grave".
"""
