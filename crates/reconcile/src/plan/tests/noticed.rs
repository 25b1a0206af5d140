//! What plans notice for later ones, and what rules noticed while they were new.

use super::*;

#[test]
fn whoever_is_suspected_while_the_rules_are_new_leaves_by_new_rules() {
    let policy = Policy { grace: Grace { reads: 3, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            // One was suspected before the rules changed, one by them, and one when they were tried.
            ("01T00:00", "2 bob\n 3 cyd\n 9 zoe", "1"),
            ("01T01:00!", "3 cyd\n 9 zoe", "1 2"),
            ("01T02:00", "9 zoe", "1 2 3"),
            // They change once more: what was noticed first stays, and the third is by new rules, too.
            ("01T03:00!", "9 zoe", "2 3"),
            ("01T04:00", "9 zoe", "2 3"),
        ],
        "1 ada\n 2 bob\n 3 cyd\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T01:00!
            suspected gone, asked for by id, in 2 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T01:00:00Z
            01T02:00
            - deactivate ada (gone, asked for by id; noticed at 2026-01-01T01:00:00Z, when the rules were new)
            suspected gone, asked for by id, in 2 reads since 2026-01-01T01:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 3 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 3 since 2026-01-01T02:00:00Z, 1 reads
            01T03:00!
            - deactivate bob (gone, asked for by id; noticed at 2026-01-01T01:00:00Z, when the rules were new)
            suspected gone, asked for by id, in 2 reads since 2026-01-01T02:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 3 since 2026-01-01T02:00:00Z, 2 reads, by new rules at 2026-01-01T03:00:00Z
            01T04:00
            - deactivate bob (gone, asked for by id; noticed at 2026-01-01T01:00:00Z, when the rules were new)
            - deactivate cyd (gone, asked for by id; noticed at 2026-01-01T03:00:00Z, when the rules were new)
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 4 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 3 since 2026-01-01T02:00:00Z, 3 reads, by new rules at 2026-01-01T03:00:00Z
        "#]],
    );
}

#[test]
fn whoever_comes_back_is_suspected_as_anybody_and_whoever_may_be_back_by_new_rules_still() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00!", "9 zoe", "1 2 3"),
            // The first is back, the second cannot be read, and of the third nothing is told.
            ("01T01:00", "1 ada\n ?2\n 9 zoe", ""),
            ("01T02:00", "9 zoe", "1 2 3"),
            ("01T03:00", "9 zoe", "1 2 3"),
        ],
        "1 ada\n 2 bob\n 3 cyd\n 9 zoe",
        &expect![[r#"
            01T00:00!
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 2 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
            01T01:00
              remembers 2 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
            01T02:00
            - deactivate cyd (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
            suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 2 reads and 0 h.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T02:00:00Z, 1 reads
              remembers 2 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
            01T03:00
            - deactivate ada (gone, asked for by id)
            - deactivate bob (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
            - deactivate cyd (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
              remembers 1 since 2026-01-01T02:00:00Z, 2 reads
              remembers 2 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T00:00:00Z
        "#]],
    );
}

#[test]
fn what_new_rules_noticed_outlasts_rules_that_wait_for_nothing() {
    let waits = Policy {
        grace: Grace { reads: 2, hours: 0 },
        empty_days: 5,
        ..Policy::new(Cleanup::Disable, EmptyGroups::Remove)
    };
    let at_once = Policy { grace: Grace::NONE, empty_days: 0, ..waits.clone() };
    let keeps = Policy { empty_groups: EmptyGroups::Keep, ..at_once.clone() };
    let actual = directory("1 ada\n 2 bob\n 9 zoe\n[ops]");
    let runs = [
        (&waits, "01T00:00!", "9 zoe", gone("1 2")),
        (&at_once, "01T01:00!", "9 zoe", gone("1 2")),
        // One is odd, and nothing is told of the other.
        (&keeps, "01T02:00!", "?1\n 9 zoe", BTreeMap::new()),
        (&waits, "01T03:00", "9 zoe", gone("1 2")),
        // Whoever is back is forgotten by rules that wait for nothing, too.
        (&at_once, "01T04:00!", "2 bob\n 9 zoe", gone("1")),
        (&waits, "06T00:00", "9 zoe", gone("1 2")),
    ];
    let runs =
        runs.into_iter().map(|(policy, at, desired, gone)| (policy, (at, desired, gone, &actual)));
    expect![[r#"
        01T00:00!
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T01:00!
        - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - deactivate bob (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group ops (nobody is in it any more; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T02:00!
          remembers 1 since 2026-01-01T02:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T03:00
        suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
        suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T02:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T04:00!
        - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group ops (nobody is in it any more; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T04:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        06T00:00
        - remove group ops (nobody has been in it since 2026-01-01T00:00:00Z; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        suspected gone, asked for by id, in 1 reads since 2026-01-01T04:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
        suspected gone, asked for by id, in 1 reads since 2026-01-06T00:00:00Z. It counts after 2 reads and 0 h.
          remembers 1 since 2026-01-01T04:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-06T00:00:00Z, 1 reads
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
    "#]].assert_eq(&told_by_turns(runs));
}

#[test]
fn what_was_hidden_from_new_rules_is_told_when_it_shows() {
    let policy = Policy::new(Cleanup::Delete, EmptyGroups::Remove);
    let before = directory("1 ada : solo\n 2 bob : dev\n 3 cyd : dev\n 4 dee : dev\n 9 zoe : dev");
    let after = directory("2 bob : dev\n 4 dee : dev\n 9 zoe : dev");
    let passed_over = || BTreeMap::from([(id("4"), Absence::Present)]);
    let gone = BTreeMap::from([(id("3"), Absence::Gone), (id("4"), Absence::Present)]);
    let runs = [
        ("01T00:00!", "?1\n ?2\n ?3\n 9 zoe : dev", passed_over(), &before),
        // Nothing is told of them yet, nor of the last one at all.
        ("01T01:00", "?1\n ?2\n ?3\n 9 zoe : dev", BTreeMap::new(), &before),
        // The first has lost their group meanwhile, the second nothing, and the third is gone.
        ("01T02:00", "1 ada\n 2 bob : dev\n 9 zoe : dev", gone, &before),
        // That goes on for as long as it is not done, and is then over.
        ("01T03:00", "1 ada\n 2 bob\n 4 dee : dev\n 9 zoe : dev", BTreeMap::new(), &before),
        ("01T04:00", "2 bob : dev\n 4 dee\n 9 zoe : dev", BTreeMap::new(), &after),
    ];
    let runs = runs.into_iter();
    expect![[r#"
        01T00:00!
        passed-over Absent from the read, but the source still has them when asked by id. Nothing was taken away.
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
          remembers 4 hidden since 2026-01-01T00:00:00Z
        01T01:00
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
          remembers 4 hidden since 2026-01-01T00:00:00Z
        01T02:00
        - remove ada from group solo (no group source grants it any more; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove cyd (gone, asked for by id; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group solo (nobody is in it any more)
        passed-over Absent from the read, but the source still has them when asked by id. Nothing was taken away.
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
          remembers 4 hidden since 2026-01-01T00:00:00Z
        01T03:00
        - remove bob from group dev (no group source grants it any more)
        - remove ada from group solo (no group source grants it any more; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group solo (nobody is in it any more)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
        01T04:00
        - remove dee from group dev (no group source grants it any more)
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn whoever_is_inactive_by_id_while_the_rules_are_new_is_asked_about_once_they_are_gone() {
    let policy = Policy::new(Cleanup::Delete, EmptyGroups::Keep);
    let actual = directory("1 ada off\n 2 bob : dev\n 3 cyd off : dev\n 9 zoe : dev");
    let inactive = |ids: &str| {
        let ids = ids.split(' ').map(|it| (id(it), Absence::Inactive("Suspended".into())));
        ids.collect::<BTreeMap<_, _>>()
    };
    let runs = [
        ("01T00:00!", "9 zoe : dev", inactive("1 2 3")),
        ("01T01:00", "9 zoe : dev", inactive("1 2 3")),
        // One is gone, one is back without the group, and one is back as they were.
        ("01T02:00", "2 bob\n 3 cyd off : dev\n 9 zoe : dev", gone("1")),
        ("01T03:00", "2 bob : dev\n 9 zoe : dev", gone("1 3")),
    ];
    let runs = runs.into_iter().map(|(at, desired, gone)| (at, desired, gone, &actual));
    expect![[r#"
        01T00:00!
        - deactivate bob (the source says Suspended)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
        01T01:00
        - deactivate bob (the source says Suspended)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
        01T02:00
        - remove bob from group dev (no group source grants it any more; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove ada (gone, asked for by id; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
        01T03:00
        - remove ada (gone, asked for by id; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove cyd (gone, asked for by id)
          remembers 1 hidden since 2026-01-01T00:00:00Z
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn whoever_was_hidden_from_new_rules_is_suspected_by_them() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00!", "?1\n 9 zoe", ""),
            ("01T01:00", "9 zoe", "1"),
            ("01T02:00", "9 zoe", "1"),
            ("01T03:00", "1 ada\n 9 zoe", ""),
        ],
        "1 ada\n 9 zoe",
        &expect![[r#"
            01T00:00!
              remembers 1 hidden since 2026-01-01T00:00:00Z
            01T01:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 1 hidden since 2026-01-01T00:00:00Z
            01T02:00
            - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
              remembers 1 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 1 hidden since 2026-01-01T00:00:00Z
            01T03:00
        "#]],
    );
}

#[test]
fn somebody_who_is_inactive_for_a_while_does_not_lose_what_new_rules_noticed() {
    let policy = Policy {
        grace: Grace { reads: 2, hours: 0 },
        ..Policy::new(Cleanup::Delete, EmptyGroups::Keep)
    };
    let actual = directory("1 ada\n 9 zoe");
    let out =
        || [(id("1"), Absence::OutOfScope("needs role \"Staff\"; has nothing".into()))].into();
    let inactive = [(id("1"), Absence::Inactive("Suspended".into()))].into();
    let present = [(id("1"), Absence::Present)].into();
    let runs = [
        ("01T00:00!", out()),
        ("01T01:00", inactive),
        ("01T02:00", out()),
        ("01T03:00", out()),
        ("01T04:00", present),
        ("01T05:00", out()),
    ];
    let runs = runs.into_iter().map(|(at, gone)| (at, "9 zoe", gone, &actual));
    expect![[r#"
        01T00:00!
        suspected out of scope: needs role "Staff"; has nothing, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T01:00
        - deactivate ada (the source says Suspended)
          remembers 1 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
        01T02:00
        suspected out of scope: needs role "Staff"; has nothing, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T03:00
        - remove ada (out of scope: needs role "Staff"; has nothing; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
        01T04:00
        passed-over Absent from the read, but the source still has them when asked by id. Nothing was taken away.
        01T05:00
        suspected out of scope: needs role "Staff"; has nothing, in 1 reads since 2026-01-01T05:00:00Z. It counts after 2 reads and 0 h.
          remembers 1 since 2026-01-01T05:00:00Z, 1 reads
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn a_group_that_new_rules_empty_goes_by_new_rules_however_late_it_is_empty() {
    let policy = Policy { empty_groups: EmptyGroups::Remove, empty_days: 2, ..POLICY };
    let (before, after) =
        (directory("1 ada : dev\n [qa]"), directory("1 ada\n [dev]\n [qa]\n [old]"));
    let runs = [
        ("01T00:00", &before),
        // The last member of one group is about to leave, and waits for an approval.
        ("01T01:00!", &before),
        ("02T00:00", &before),
        ("02T01:00", &after),
        ("04T00:00", &after),
        ("04T01:00", &after),
    ];
    let runs = runs.into_iter().map(|(at, actual)| (at, "1 ada", gone(""), actual));
    expect![[r#"
        01T00:00
        - remove ada from group dev (no group source grants it any more)
          remembers qa empty since 2026-01-01T00:00:00Z
        01T01:00!
        - remove ada from group dev (no group source grants it any more)
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        02T00:00
        - remove ada from group dev (no group source grants it any more)
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        02T01:00
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers old empty since 2026-01-02T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        04T00:00
        - remove group dev (nobody has been in it since 2026-01-02T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
        - remove group qa (nobody has been in it since 2026-01-01T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers old empty since 2026-01-02T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        04T01:00
        - remove group dev (nobody has been in it since 2026-01-02T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
        - remove group old (nobody has been in it since 2026-01-02T01:00:00Z)
        - remove group qa (nobody has been in it since 2026-01-01T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers old empty since 2026-01-02T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn a_group_whose_last_member_leaves_by_new_rules_goes_by_new_rules() {
    let grace = Grace { reads: 2, hours: 0 };
    let groups = Policy { grace, empty_groups: EmptyGroups::Remove, empty_days: 1, ..POLICY };
    let stripped = Policy { strip: Some(Patterns::NONE), ..groups.clone() };
    let deleted = Policy { cleanup: Cleanup::Delete, ..groups };
    let (before, after) = (directory("1 ada : dev\n 9 zoe"), directory("9 zoe\n [dev]"));
    let told = |policy: &Policy| {
        let runs = [
            ("01T00:00!", &before, "1"),
            ("01T01:00", &before, "1"),
            ("01T02:00", &after, ""),
            ("02T02:00", &after, ""),
        ];
        let runs = runs.into_iter().map(|(at, actual, ids)| (at, "9 zoe", gone(ids), actual));
        told_over_time(policy, runs)
    };
    expect![[r#"
        01T00:00!
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T01:00
        - remove ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T02:00
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        02T02:00
        - remove group dev (nobody has been in it since 2026-01-01T01:00:00Z; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
    "#]].assert_eq(&told(&deleted));
    expect![[r#"
        01T00:00!
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T01:00
        - remove ada from group dev (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T02:00
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        02T02:00
        - remove group dev (nobody has been in it since 2026-01-01T01:00:00Z; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
    "#]].assert_eq(&told(&stripped));
}
