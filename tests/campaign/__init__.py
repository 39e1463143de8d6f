"""A fault campaign: whole runs of pp_run on small nights, with everything that can go wrong.

Each play is drawn from a seed: faults of the services, faults of the tools, frames that are
broken or hostile, odd surroundings, in any combination. Whatever happens, nothing but one-line
messages is on the screen, the run ends in time with the right status, no file is damaged or
left over, and the good frames have the results of an undisturbed run. When the faults are over,
the same command brings the whole undisturbed result.

::

    python -m tests.campaign -seeds 200 -kills 100

`theatre` has the sky, the frames and the services, `mishaps` what may go wrong, `play` runs it,
`judge` looks at what is left.
"""
