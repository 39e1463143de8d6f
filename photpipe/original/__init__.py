"""What scripts written for the original import: its names, as thin calls to ours.

The modules of the root hand them on under the names of the original: ``_pp_conf``, ``pp_setup``,
``catalog``, ``toolbox``, ``diagnostics`` and ``pp_run.run_the_pipeline``.
"""
