//! What is decided at a given time, with clocks that jump.

use jiff::{SignedDuration, Timestamp};

use super::{at, schedule};
use crate::schedule::due::{Decision, Failures, Freshness, State, Terms, due, freshness};

const TERMS: Terms = Terms {
    catch_up_max: SignedDuration::from_hours(6),
    jitter_max: SignedDuration::ZERO,
    failures_max: None,
};

fn state(since: &str, taken: &[&str]) -> State {
    State {
        since: at(since),
        taken: taken.iter().map(|it| at(it)).collect(),
        failures: Failures::default(),
    }
}

fn failed(in_a_row: u32, last_at: &str, state: State) -> State {
    State { failures: Failures { in_a_row, last_at: Some(at(last_at)) }, ..state }
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Due { slot, missed: 0 } => format!("due {slot}"),
        Decision::Due { slot, missed } => format!("due {slot}, {missed} missed"),
        Decision::TooLate { slot, missed } => format!("too late {slot}, {missed} missed"),
        Decision::Pause { failures } => format!("pause after {failures}"),
        Decision::NotBefore(next) => format!("not before {next}"),
        Decision::NeverAgain => "never again".to_owned(),
    }
}

#[track_caller]
fn check(expression: &str, terms: Terms, state: &State, now: &str, expected: &str) {
    let schedule = schedule(expression, "Etc/UTC");
    assert_eq!(told(&due(7, &schedule, &terms, state, at(now))), expected, "at {now}");
}

#[track_caller]
fn check_hourly(state: &State, now: &str, expected: &str) {
    check("0 * * * *", TERMS, state, now, expected);
}

#[test]
fn a_slot_is_due_once_when_its_time_has_come() {
    let new = state("2026-11-24T10:20:00Z", &[]);
    check_hourly(&new, "2026-11-24T10:59:59Z", "not before 2026-11-24T11:00:00Z");
    check_hourly(&new, "2026-11-24T11:00:00Z", "due 2026-11-24T11:00:00Z");
    check_hourly(&new, "2026-11-24T11:00:00.4Z", "due 2026-11-24T11:00:00Z");
    let taken = state("2026-11-24T10:20:00Z", &["2026-11-24T11:00:00Z"]);
    check_hourly(&taken, "2026-11-24T11:00:00.4Z", "not before 2026-11-24T12:00:00Z");
    check_hourly(&taken, "2026-11-24T12:00:01Z", "due 2026-11-24T12:00:00Z");
}

#[test]
fn after_a_downtime_the_latest_slot_alone_is_made_up_for() {
    let night = state("2026-11-01T00:00:00Z", &["2026-11-24T01:00:00Z"]);
    check_hourly(&night, "2026-11-24T07:40:00Z", "due 2026-11-24T07:00:00Z, 5 missed");
    let daily = |now, expected| {
        let state = state("2026-11-01T00:00:00Z", &["2026-11-23T02:00:00Z"]);
        check("0 2 * * *", TERMS, &state, now, expected);
    };
    daily("2026-11-24T08:00:00Z", "due 2026-11-24T02:00:00Z");
    daily("2026-11-24T08:00:01Z", "too late 2026-11-24T02:00:00Z, 0 missed");
    daily("2026-11-26T07:00:00Z", "due 2026-11-26T02:00:00Z, 2 missed");
    daily("2026-11-26T12:00:00Z", "too late 2026-11-26T02:00:00Z, 2 missed");
}

#[test]
fn without_a_catch_up_window_a_slot_is_run_on_time_or_not_at_all() {
    let terms = Terms { catch_up_max: SignedDuration::ZERO, ..TERMS };
    let state = state("2026-11-01T00:00:00Z", &["2026-11-23T02:00:00Z"]);
    check("0 2 * * *", terms, &state, "2026-11-24T02:00:59Z", "due 2026-11-24T02:00:00Z");
    let too_late = "too late 2026-11-24T02:00:00Z, 0 missed";
    check("0 2 * * *", terms, &state, "2026-11-24T02:01:01Z", too_late);
}

#[test]
fn no_slot_runs_twice_when_the_clock_is_set_back() {
    let morning = [
        "2026-11-24T07:00:00Z",
        "2026-11-24T08:00:00Z",
        "2026-11-24T09:00:00Z",
        "2026-11-24T10:00:00Z",
    ];
    // It is ten past ten, and the clock is set back by three hours.
    let state = state("2026-11-01T00:00:00Z", &morning);
    for (now, expected) in [
        ("2026-11-24T07:10:00Z", "not before 2026-11-24T08:00:00Z"),
        ("2026-11-24T08:00:00Z", "not before 2026-11-24T09:00:00Z"),
        ("2026-11-24T10:30:00Z", "not before 2026-11-24T11:00:00Z"),
        ("2026-11-24T11:00:00Z", "due 2026-11-24T11:00:00Z"),
    ] {
        check_hourly(&state, now, expected);
    }
}

#[test]
fn slots_that_a_clock_jumped_over_run_once_it_is_right_again() {
    // At half past seven the clock jumped to noon, and back five minutes later.
    let state = state("2026-11-01T00:00:00Z", &["2026-11-24T07:00:00Z", "2026-11-24T12:00:00Z"]);
    check_hourly(&state, "2026-11-24T07:35:00Z", "not before 2026-11-24T08:00:00Z");
    check_hourly(&state, "2026-11-24T08:00:00Z", "due 2026-11-24T08:00:00Z");
    check_hourly(&state, "2026-11-24T12:00:00Z", "not before 2026-11-24T13:00:00Z");
}

#[test]
fn a_clock_that_jumps_forward_makes_one_run() {
    let state = state("2026-11-01T00:00:00Z", &["2026-11-24T07:00:00Z"]);
    check_hourly(&state, "2026-11-24T12:05:00Z", "due 2026-11-24T12:00:00Z, 4 missed");
    check_hourly(&state, "2036-11-24T12:05:00Z", "due 2036-11-24T12:00:00Z, 1000 missed");
}

#[test]
fn a_schedule_that_was_set_in_the_future_runs_now_that_the_clock_is_right() {
    let state = state("2036-11-24T12:05:00Z", &["2036-11-24T13:00:00Z"]);
    check_hourly(&state, "2026-11-24T07:05:00Z", "due 2026-11-24T07:00:00Z, 5 missed");
}

#[test]
fn a_slot_in_the_repeated_hour_runs_once_however_often_it_is_asked_for() {
    let berlin = schedule("30 2 * * *", "Europe/Berlin");
    let mut state = state("2027-10-30T12:00:00Z", &[]);
    let mut runs = Vec::new();
    let mut now = at("2027-10-30T22:00:00Z");
    while now < at("2027-10-31T06:00:00Z") {
        if let Decision::Due { slot, .. } = due(1, &berlin, &TERMS, &state, now) {
            assert!(state.taken.insert(slot), "{slot} twice");
            runs.push(slot);
        }
        now += SignedDuration::from_secs(47);
    }
    assert_eq!(runs, [at("2027-10-31T00:30:00Z")]);
}

#[test]
fn jitter_is_the_same_on_every_node_and_stays_before_the_next_slot() {
    let hourly = schedule("0 * * * *", "Etc/UTC");
    let terms = Terms { jitter_max: SignedDuration::from_mins(10), ..TERMS };
    let state = state("2026-11-24T10:20:00Z", &[]);
    let now = at("2026-11-24T10:30:00Z");
    let start = |key| {
        let decision = due(key, &hourly, &terms, &state, now);
        let Decision::NotBefore(start) = decision else { panic!("{decision:?}") };
        start
    };
    let starts: std::collections::BTreeSet<Timestamp> = (1..100).map(start).collect();
    assert!(50 < starts.len(), "{starts:?}");
    let (first, last) = (starts.first().unwrap(), starts.last().unwrap());
    assert!(at("2026-11-24T11:00:00Z") <= *first && *last <= at("2026-11-24T11:10:00Z"));
    assert_eq!(start(7), start(7));
    let before = start(7) - SignedDuration::from_secs(1);
    assert_eq!(due(7, &hourly, &terms, &state, before), Decision::NotBefore(start(7)));
    let slot = at("2026-11-24T11:00:00Z");
    assert_eq!(due(7, &hourly, &terms, &state, start(7)), Decision::Due { slot, missed: 0 });

    let often = schedule("*/10 * * * * ?", "Etc/UTC");
    for key in 1..50 {
        let Decision::NotBefore(start) = due(key, &often, &terms, &state, state.since) else {
            panic!("nothing is due yet")
        };
        assert!(start <= state.since + SignedDuration::from_secs(15), "{start}");
    }
}

#[test]
fn a_source_that_fails_is_left_alone_for_longer_and_longer() {
    let often = |failures, now, expected| {
        let last_at = "2026-11-24T10:00:05Z";
        let state =
            failed(failures, last_at, state("2026-11-01T00:00:00Z", &["2026-11-24T10:00:00Z"]));
        check("* * * * *", TERMS, &state, now, expected);
    };
    often(1, "2026-11-24T10:01:00Z", "not before 2026-11-24T10:01:05Z");
    often(1, "2026-11-24T10:01:05Z", "due 2026-11-24T10:01:00Z");
    often(4, "2026-11-24T10:08:00Z", "not before 2026-11-24T10:08:05Z");
    often(4, "2026-11-24T10:08:05Z", "due 2026-11-24T10:08:00Z, 7 missed");
    for failures in [7, 50, u32::MAX] {
        often(failures, "2026-11-24T10:59:00Z", "not before 2026-11-24T11:00:05Z");
    }
    // The clock was set back behind the failure: it says nothing.
    often(50, "2026-11-24T09:59:00Z", "due 2026-11-24T09:59:00Z, 1000 missed");
}

#[test]
fn a_week_of_failures_makes_a_run_an_hour_and_then_the_schedule_pauses() {
    let quarter = schedule("*/15 * * * *", "Etc/UTC");
    let mut state = state("2026-11-01T00:00:00Z", &[]);
    let mut runs = 0;
    let mut now = at("2026-11-01T00:00:00Z");
    while now < at("2026-11-08T00:00:00Z") {
        if let Decision::Due { slot, .. } = due(1, &quarter, &TERMS, &state, now) {
            state.taken.insert(slot);
            let in_a_row = state.failures.in_a_row + 1;
            state.failures = Failures { in_a_row, last_at: Some(now) };
            runs += 1;
        }
        now += SignedDuration::from_secs(30);
    }
    assert!((165..175).contains(&runs), "{runs} runs");
    let terms = Terms { failures_max: Some(5), ..TERMS };
    assert_eq!(due(1, &quarter, &terms, &state, now), Decision::Pause { failures: runs });
}

#[test]
fn an_expression_whose_years_are_over_is_never_due_again() {
    let state = state("2026-11-01T00:00:00Z", &[]);
    check("0 0 0 1 1 ? 2020", TERMS, &state, "2026-11-24T00:00:00Z", "never again");
}

#[track_caller]
fn check_fresh(last_success: Option<&str>, now: &str, expected: &str) {
    let daily = schedule("0 2 * * *", "Etc/UTC");
    let since = at("2026-11-10T12:00:00Z");
    let told = match freshness(&daily, since, last_success.map(at), at(now)) {
        Freshness::Late { expected } => format!("late: {expected}"),
        other @ (Freshness::NeverRun | Freshness::OnTime) => other.word().to_owned(),
    };
    assert_eq!(told, expected, "at {now}");
}

#[test]
fn a_connector_is_late_when_two_slots_went_by_without_success() {
    check_fresh(None, "2026-11-11T01:00:00Z", "never-run");
    check_fresh(None, "2026-11-11T03:00:00Z", "never-run");
    check_fresh(None, "2026-11-12T03:00:00Z", "late: 2026-11-11T02:00:00Z");
    let ran = Some("2026-11-20T02:00:20Z");
    check_fresh(ran, "2026-11-21T01:00:00Z", "on-time");
    check_fresh(ran, "2026-11-21T12:00:00Z", "on-time");
    check_fresh(ran, "2026-11-22T02:00:00Z", "late: 2026-11-21T02:00:00Z");
    check_fresh(ran, "2026-12-24T02:00:00Z", "late: 2026-11-21T02:00:00Z");
    // Before the schedule was changed, nobody expected anything.
    check_fresh(Some("2026-10-01T00:00:00Z"), "2026-11-11T12:00:00Z", "on-time");
    // The clock was set back behind the last run.
    check_fresh(ran, "2026-11-19T00:00:00Z", "on-time");
}
