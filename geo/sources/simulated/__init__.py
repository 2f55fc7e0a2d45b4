"""Simulated imagery whose truth is known: Sentinel-2-like looks at made-up places in a desert.

    source = SimulatedSource(scenario("demo", seed=1))

It is for trying sitewatch without an account and for measuring what detection finds and misses. It is not an
observation of anything.
"""

from geo.sources.simulated.scenario import Field, KnownPlace, NoiseSettings, Scenario, SimulatedArea
from geo.sources.simulated.sky import SceneClass
from geo.sources.simulated.source import OFFERED, SimulatedSource
from geo.sources.simulated.spectra import BANDS, Surface
from geo.sources.simulated.structures import SimulatedEvent, Structure
from geo.sources.simulated.worlds import SCENARIO_NAMES, scenario

__all__ = [
    "BANDS",
    "OFFERED",
    "SCENARIO_NAMES",
    "Field",
    "KnownPlace",
    "NoiseSettings",
    "Scenario",
    "SceneClass",
    "SimulatedArea",
    "SimulatedEvent",
    "SimulatedSource",
    "Structure",
    "Surface",
    "scenario",
]
