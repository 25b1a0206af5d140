//! How long somebody is suspected, and how long a group stays empty.

use super::*;

#[test]
fn a_leaver_is_suspected_until_enough_reads_and_hours_have_passed() {
    let policy = Policy { grace: Grace { reads: 3, hours: 24 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00", "9 zoe", "1"),
            ("01T12:00", "9 zoe", "1"),
            ("01T18:00", "9 zoe", "1"),
            ("02T00:00", "9 zoe", "1"),
            ("02T06:00", "9 zoe", "1"),
        ],
        "1 ada\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 24 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T12:00
            suspected gone, asked for by id, in 2 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 24 h.
              remembers 1 since 2026-01-01T00:00:00Z, 2 reads
            01T18:00
            suspected gone, asked for by id, in 3 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 24 h.
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads
            02T00:00
            - deactivate ada (gone, asked for by id)
              remembers 1 since 2026-01-01T00:00:00Z, 4 reads
            02T06:00
            - deactivate ada (gone, asked for by id)
              remembers 1 since 2026-01-01T00:00:00Z, 5 reads
        "#]],
    );
}

#[test]
fn whoever_was_seen_between_is_suspected_anew() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00", "9 zoe", "1"),
            ("01T01:00", "1 ada\n 9 zoe", ""),
            ("01T02:00", "9 zoe", "1"),
            ("01T03:00", "?1\n 9 zoe", ""),
            ("01T04:00", "9 zoe", "1"),
        ],
        "1 ada\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T01:00
            01T02:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T02:00:00Z, 1 reads
            01T03:00
            01T04:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T04:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T04:00:00Z, 1 reads
        "#]],
    );
}

#[test]
fn whoever_was_not_asked_about_stays_suspected() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[("01T00:00", "9 zoe", "1 3"), ("01T01:00", "9 zoe", "3"), ("01T02:00", "9 zoe", "1")],
        "1 ada\n 3 cyd off\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T01:00
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T02:00
            - deactivate ada (gone, asked for by id)
              remembers 1 since 2026-01-01T00:00:00Z, 2 reads
        "#]],
    );
}

#[test]
fn somebody_whom_the_source_calls_inactive_is_disabled_without_grace() {
    let policy = Policy { grace: Grace { reads: 9, hours: 99 }, ..POLICY };
    let answers = [(id("1"), Absence::Inactive("Suspended".into()))].into();
    let actual = directory("1 ada\n 9 zoe");
    let (plan, _) = plan(&desired("9 zoe"), &actual, &answers, &policy, &Past::NONE);
    assert_eq!(plan.to_string(), "- deactivate ada (the source says Suspended)\n");
    assert_eq!(plan.memory, Memory::default());
}

#[test]
fn a_group_goes_once_it_has_been_empty_for_so_many_days() {
    let policy = Policy { empty_groups: EmptyGroups::Remove, empty_days: 2, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00", "1 ada", ""),
            ("02T23:00", "1 ada", ""),
            ("03T00:00", "1 ada", ""),
            ("03T01:00", "1 ada : qa", ""),
            ("04T00:00", "1 ada", ""),
        ],
        "1 ada : dev\n [qa]",
        &expect![[r#"
            01T00:00
            - remove ada from group dev (no group source grants it any more)
              remembers qa empty since 2026-01-01T00:00:00Z
            02T23:00
            - remove ada from group dev (no group source grants it any more)
              remembers qa empty since 2026-01-01T00:00:00Z
            03T00:00
            - remove ada from group dev (no group source grants it any more)
            - remove group qa (nobody has been in it since 2026-01-01T00:00:00Z)
              remembers qa empty since 2026-01-01T00:00:00Z
            03T01:00
            + add ada to group qa (granted by role "qa")
            - remove ada from group dev (no group source grants it any more)
            04T00:00
            - remove ada from group dev (no group source grants it any more)
              remembers qa empty since 2026-01-04T00:00:00Z
        "#]],
    );
}
