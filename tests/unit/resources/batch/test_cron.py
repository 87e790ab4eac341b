"""Cron schedules: valid ones, and the library's errors for the others."""

from __future__ import annotations

import pytest

from apiserver.resources.builtin.batch.cron import ScheduleError, check_schedule, zone_exists

SCHEDULES = [
    "* * * * *",
    "*/5 * * * *",
    "0 0 1 1 0",
    "59 23 31 12 6",
    "1,2,30-40/3 8-17 ? JAN-dec mon,WED-Fri",
    "5/15 * * * *",
    "  0   0 * *  * ",
    ",1, * * * *",
    "@hourly",
    "@annually",
    "@every 1h30m",
    "@every 1.5s",
    "TZ=UTC 0 0 * * *",
    "CRON_TZ=Europe/Berlin @daily",
]

COMPLAINTS = [
    ("every day", "expected exactly 5 fields, found 2: [every day]"),
    ("", "empty spec string"),
    (" ", "expected exactly 5 fields, found 0: []"),
    ("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("* 24 * * *", "end of range (24) above maximum (23): 24"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("* * * 13 *", "end of range (13) above maximum (12): 13"),
    ("* * * * 7", "end of range (7) above maximum (6): 7"),
    ("10-5 * * * *", "beginning of range (10) beyond end of range (5): 10-5"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    ("*/2/3 * * * *", "too many slashes: */2/3"),
    (
        "x * * * *",
        'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
    ),
    (
        "-1 * * * *",
        'failed to parse int from : strconv.Atoi: parsing "": invalid syntax',
    ),
    (
        "99999999999999999999 * * * *",
        "failed to parse int from 99999999999999999999: strconv.Atoi: parsing "
        '"99999999999999999999": value out of range',
    ),
    (
        "* * * mon *",
        'failed to parse int from mon: strconv.Atoi: parsing "mon": invalid syntax',
    ),
    ("@sometimes", "unrecognized descriptor: @sometimes"),
    ("@Hourly", "unrecognized descriptor: @Hourly"),
    (
        "@every",
        "unrecognized descriptor: @every",
    ),
    (
        "@every day",
        'failed to parse duration @every day: time: invalid duration "day"',
    ),
    (
        "@every 5",
        'failed to parse duration @every 5: time: missing unit in duration "5"',
    ),
    (
        "@every 5d",
        'failed to parse duration @every 5d: time: unknown unit "d" in duration "5d"',
    ),
    (
        "TZ=Nowhere 0 0 * * *",
        "provided bad location Nowhere: unknown time zone Nowhere",
    ),
]


@pytest.mark.parametrize("text", SCHEDULES)
def test_a_schedule_is_understood(text: str) -> None:
    check_schedule(text)


@pytest.mark.parametrize(("text", "complaint"), COMPLAINTS)
def test_what_is_no_schedule_is_complained_of(text: str, complaint: str) -> None:
    with pytest.raises(ScheduleError) as error:
        check_schedule(text)
    assert str(error.value) == complaint


@pytest.mark.parametrize(
    ("name", "exists"),
    [("UTC", True), ("Etc/UTC", True), ("Europe/Berlin", True), ("Nowhere/Here", False)],
)
def test_time_zones_are_those_of_the_system(name: str, exists: bool) -> None:
    assert zone_exists(name) is exists
