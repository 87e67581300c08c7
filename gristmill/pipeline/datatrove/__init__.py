"""datatrove and gristmill in each other's pipelines. Only modules in here import datatrove.

- ``stage``: their per-document steps in our recipe (imports datatrove when a plan is made).
- ``steps``: which of their classes may be such a step, and how one is made and run.
- ``step``: our stages in their pipelines.
- ``executor``: their pipelines on Dask.
"""
