"""Measured comparisons: `make bench`, and docs/benchmarks.md says what they mean.

A figure alone says more about the machine than about us. So each comparison runs ours and
a floor, the least that anybody would have to do, on the same machine in the same minutes,
and what is worth keeping is the ratio of the two. A module per comparison; its `compare`
is given what it leans on and how much to do.
"""
