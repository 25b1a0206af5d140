//! What happens where clocks are changed, case by case.

use super::{at, check_next, schedule};
use crate::schedule::clock_change::notes;

const BERLIN: &str = "Europe/Berlin";
/// Clocks go from 02:00 to 03:00 at 01:00Z on the 28th.
const SPRING: &str = "2027-03-27T12:00Z";
/// Clocks go from 03:00 to 02:00 at 01:00Z on the 31st.
const AUTUMN: &str = "2027-10-30T12:00Z";

#[test]
fn a_fixed_time_in_a_missing_hour_runs_once_at_the_first_instant_after_it() {
    check_next(
        "0 30 2 * * ?",
        BERLIN,
        SPRING,
        &["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"],
    );
    check_next(
        "15,45 2 * * *",
        BERLIN,
        SPRING,
        &["2027-03-28T03:00+02:00", "2027-03-29T02:15+02:00"],
    );
    check_next(
        "0 2,3 * * *",
        BERLIN,
        SPRING,
        &["2027-03-28T03:00+02:00", "2027-03-29T02:00+02:00"],
    );
}

#[test]
fn a_fixed_time_in_a_repeated_hour_runs_the_first_time_alone() {
    check_next(
        "0 30 2 * * ?",
        BERLIN,
        AUTUMN,
        &["2027-10-31T02:30+02:00", "2027-11-01T02:30+01:00"],
    );
    check_next(
        "0 15,45 2 * * ?",
        BERLIN,
        AUTUMN,
        &["2027-10-31T02:15+02:00", "2027-10-31T02:45+02:00", "2027-11-01T02:15+01:00"],
    );
    // Asked in the second pass, nothing of it is left.
    check_next("0 30 2 * * ?", BERLIN, "2027-10-31T01:10Z", &["2027-11-01T02:30+01:00"]);
    check_next("0 0 3 * * ?", BERLIN, "2027-10-31T01:10Z", &["2027-10-31T03:00+01:00"]);
}

#[test]
fn an_interval_follows_elapsed_time() {
    check_next(
        "*/30 * * * *",
        BERLIN,
        "2027-03-28T00:10Z",
        &["2027-03-28T01:30+01:00", "2027-03-28T03:00+02:00", "2027-03-28T03:30+02:00"],
    );
    check_next(
        "0 * * * *",
        BERLIN,
        "2027-10-30T23:30Z",
        &["2027-10-31T02:00+02:00", "2027-10-31T02:00+01:00", "2027-10-31T03:00+01:00"],
    );
    // No pause is longer than the step.
    check_next(
        "0 */2 * * *",
        BERLIN,
        "2027-03-27T22:30Z",
        &["2027-03-28T00:00+01:00", "2027-03-28T03:00+02:00", "2027-03-28T04:00+02:00"],
    );
    check_next(
        "0 */2 * * *",
        BERLIN,
        "2027-10-30T21:30Z",
        &["2027-10-31T00:00+02:00", "2027-10-31T02:00+02:00", "2027-10-31T02:00+01:00"],
    );
}

#[test]
fn odd_changes_are_changes_like_any_other() {
    // Half an hour, Lord Howe.
    check_next(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2027-10-02T12:00Z",
        &["2027-10-03T02:30+11:00", "2027-10-04T02:15+11:00"],
    );
    // Midnight does not exist in Beirut.
    check_next(
        "0 0 * * *",
        "Asia/Beirut",
        "2027-03-27T12:00Z",
        &["2027-03-28T01:00+03:00", "2027-03-29+03:00"]
            .map(|it| if it.len() < 20 { "2027-03-29T00:00+03:00" } else { it }),
    );
    // The 30th of December 2011 did not exist in Samoa.
    check_next(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00Z",
        &["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"],
    );
}

#[track_caller]
fn check_notes(expression: &str, zone: &str, expected: &[&str]) {
    let notes = notes(&schedule(expression, zone), at("2026-11-25T00:00Z"));
    let told: Vec<&str> = notes.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(told, expected, "{expression} in {zone}");
}

#[test]
fn a_schedule_tells_what_the_next_changes_do_to_it() {
    const FORWARD: &str = "Sunday 28 March 2027: the clock goes forward from 02:00 to 03:00.";
    const BACK: &str = "Sunday 31 October 2027: the clock goes back from 03:00 to 02:00.";
    let check = |expression, forward, back| {
        let expected = [format!("{FORWARD} {forward}"), format!("{BACK} {back}")];
        check_notes(expression, BERLIN, &expected.each_ref().map(String::as_str));
    };
    check(
        "30 2 * * *",
        "02:30 does not exist; the run happens once, at 03:00.",
        "02:30 comes twice; the run happens once, the first time.",
    );
    check(
        "15,45 2 * * *",
        "02:15 and 02:45 do not exist; the run happens once, at 03:00.",
        "02:15 and 02:45 come twice; each run happens once, the first time.",
    );
    check("0 12 * * *", "This schedule is not touched.", "This schedule is not touched.");
    check("30 2 * * 1-5", "This schedule is not touched.", "This schedule is not touched.");
    check(
        "*/15 * * * *",
        "The missing time is skipped; the time between runs stays the same.",
        "Runs go on through the repeated time; the time between runs stays the same.",
    );
    check(
        "0 */2 * * *",
        "02:00 does not exist; the run happens once, at 03:00.",
        "02:00 comes twice, and there is a run each time, so no pause grows longer.",
    );
    check_notes("30 2 * * *", "Etc/UTC", &[]);
    check_notes("30 2 * * *", "Asia/Tokyo", &[]);
}
