"""A small GPT, trained on the shards to prove that they are good to train on.

Read in this order: ``config`` (what can be set), ``loader`` (which tokens, when), ``model`` and
``attention`` (the network), ``optim`` and ``schedule`` (the update), ``train`` (the loop),
``checkpoint`` (stopping and going on), ``evals``, ``multiple_choice`` and ``memorise`` (how good),
``sample`` (what it says), ``plot`` and ``run_page`` (what it looked like).

Imports torch, numpy, ``gristmill.tokenize.formats`` and ``gristmill.errors``; nothing else, so that
it runs on a bare GPU machine. Import the modules, this package loads nothing::

    from gristmill.train_smoke.presets import preset
    from gristmill.train_smoke.train import train

    result = train(preset("tiny"), Path("out/shards"), Path("out/model"))
"""
