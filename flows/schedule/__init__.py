"""The same run under Prefect, by itself and again and again.

Whoever comes in here finds Prefect set up to keep to itself: it reads its environment when it is imported.
"""

from flows.settings.environment import clean_gis_environment, prepare_prefect_environment

clean_gis_environment()
prepare_prefect_environment()
