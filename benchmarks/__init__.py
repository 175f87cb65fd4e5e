"""The benchmarks of fastlr, for airspeed velocity (asv).

    make bench-quick                                             every benchmark once, small: does it run? 2 minutes
    make bench                                                   all of it for the commit checked out: 25 minutes

In this folder, or elsewhere with `--config benchmarks/asv.conf.json`:

    asv run HEAD^! -b '^steps.*Adam'                             some of it
    asv continuous --interleave-rounds main HEAD -b '^steps'     this commit against main, in turns
    asv publish && asv preview                                   the history in a browser

asv builds each commit in an environment of its own; environments, results and pages are below `.asv`, which git
ignores.  These files run against old commits too, so they use what `fastlr` exports and nothing private.

On a shared machine times drift: compare commits with `--interleave-rounds`, backends within one run.
"""
