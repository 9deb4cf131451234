"""The search for the options that a network learns best with: `whatsit tune`.

    options    what is asked for
    space      what may be searched, a table with reasons
    study      Optuna's study in a journal on disk, shared by processes
    trial      one trial: taught, measured, pruned
    workers    trials in processes of their own
    run        the story: field → trials → the best one published → page
    summary    what came of it, for page and terminal

Optuna decides which options to try; it trains nothing and prints nothing. It comes with the extra `networks`.
"""
