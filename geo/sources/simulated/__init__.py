"""Simulated imagery whose truth is known: Sentinel-2-like and Sentinel-1-like looks at made-up places in a desert.

    world = scenario("demo", seed=1)
    source, radar = SimulatedSource(world), SimulatedRadarSource(world)

It is for trying sitewatch without an account and for measuring what detection finds and misses. It is not an
observation of anything.
"""

from geo.sources.simulated.backscatter import POLARISATIONS, TRACKS, RadarTrack
from geo.sources.simulated.radar import RadarNoise
from geo.sources.simulated.radar_source import SimulatedRadarSource
from geo.sources.simulated.scenario import Field, KnownPlace, NoiseSettings, Scenario, SimulatedArea
from geo.sources.simulated.sky import SceneClass
from geo.sources.simulated.source import OFFERED, SimulatedSource
from geo.sources.simulated.spectra import BANDS, Surface
from geo.sources.simulated.structures import SimulatedEvent, Structure
from geo.sources.simulated.worlds import SCENARIO_NAMES, scenario

__all__ = [
    "BANDS",
    "OFFERED",
    "POLARISATIONS",
    "SCENARIO_NAMES",
    "TRACKS",
    "Field",
    "KnownPlace",
    "NoiseSettings",
    "RadarNoise",
    "RadarTrack",
    "Scenario",
    "SceneClass",
    "SimulatedArea",
    "SimulatedEvent",
    "SimulatedRadarSource",
    "SimulatedSource",
    "Structure",
    "Surface",
    "scenario",
]
