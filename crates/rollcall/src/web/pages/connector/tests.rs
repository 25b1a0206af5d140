use std::collections::BTreeSet;

use super::draft::{Difference, error_line};
use super::field::Wrong;
use super::head::TabLink;
use super::rail::{BudgetPart, LastRun};
use super::saved::Saved;
use super::*;
use crate::notation::Given;
use crate::source::onelogin::settings::{ScopeSettings, Settings};
use crate::store::accounts::Role;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::web::answer::samples::{self, HOSTILE, check};
use crate::web::gauge::Gauge;

fn moment() -> Moment {
    let at = "2026-11-25T22:14:03Z".parse().unwrap();
    Moment::new(at, at)
}

pub fn sample_head(current: Option<Tab>, role: Role) -> Head {
    let link = |tab: Tab| TabLink {
        label: tab.label(),
        href: format!("/connectors/1/{}", tab.word()),
        is_current: current == Some(tab),
        mark: if tab == Tab::SyncSettings { "2".to_owned() } else { String::new() },
    };
    Head {
        id: 1,
        name: HOSTILE.to_owned(),
        status: "Held",
        why: HOSTILE.to_owned(),
        schedule: if role == Role::Admin { "resume" } else { "pause" },
        tabs: Tab::ALL.map(link).into(),
        may_run: Role::Operator <= role,
        commands: vec![("Sync", HOSTILE.to_owned())],
        may_edit: Role::Admin <= role,
    }
}

/// A tab whose fields all hold a text that would run.
fn view(tab: Tab, role: Role) -> View {
    let hostile =
        |entry: &tabs::Entry| Given { flag: entry.flag, values: vec![HOSTILE.to_owned()] };
    let given: Vec<Given> = tab.entries().map(hostile).collect();
    let sections = tab.sections().iter().map(|it| field::section(it, &given, &Wrong::new()));
    let head = sample_head(Some(tab), role);
    View {
        page: samples::page(tab.label(), &format!("/connectors/1/{}", tab.word()), role),
        tab: tab.word(),
        version: 7,
        opened: "name=0".to_owned(),
        may_edit: head.may_edit,
        ask: HOSTILE.to_owned(),
        is_form: tab.is_form(),
        head,
        identity: (tab == Tab::General).then(|| Identity {
            name: HOSTILE.to_owned(),
            region: "own".to_owned(),
            subdomain: HOSTILE.to_owned(),
            url: HOSTILE.to_owned(),
            client_id: HOSTILE.to_owned(),
            secret_set: HOSTILE.to_owned(),
            secret_is_due: true,
            wrong: Wrong::new(),
        }),
        sections: sections.collect(),
        errors: Vec::new(),
        even_if_unknown: None,
        conflict: None,
        review: None,
        unsaved: 0,
        unsaved_fields: String::new(),
        rail: Rail::default(),
        effect: Effect::default(),
        trying: None,
        explaining: None,
        targets: Vec::new(),
        runs: Vec::new(),
        command: format!("rollcall connector show {HOSTILE}"),
    }
}

fn difference() -> Difference {
    Difference { label: HOSTILE.to_owned(), before: HOSTILE.to_owned(), after: HOSTILE.to_owned() }
}

#[test]
fn every_tab_is_shown_to_every_role_and_only_an_admin_can_save() {
    for role in Role::ALL {
        for tab in Tab::ALL {
            let text = check(&view(tab, role));
            let can_save = text.contains("Save and Test Connection");
            assert_eq!(can_save, tab.is_form() && role == Role::Admin, "{tab:?} {role:?}");
            let is_fixed = text.contains("<fieldset disabled>");
            assert_eq!(is_fixed, tab.is_form() && role != Role::Admin, "{tab:?} {role:?}");
        }
    }
}

#[test]
fn the_three_buttons_of_the_guide_are_on_every_tab_with_settings() {
    for tab in Tab::ALL.into_iter().filter(|it| it.is_form()) {
        let text = check(&view(tab, Role::Admin));
        for button in [">Save<", ">Save and Return<", ">Save and Test Connection<"] {
            assert!(text.contains(button), "{tab:?} {button}");
        }
        // Enter in a field presses the first button.
        let first = text.find("name=\"then\"").unwrap();
        assert!(text[first..].starts_with("name=\"then\" value=\"stay\""), "{tab:?}");
    }
}

#[test]
fn what_is_wrong_stands_at_its_field_and_above_and_on_its_tab() {
    let tab = Tab::SyncSettings;
    let mut wrong = Wrong::new();
    wrong.insert("grace-reads".to_owned(), "Type a whole number.".to_owned());
    let sections = tab.sections().iter().map(|it| field::section(it, &[], &wrong)).collect();
    let errors = wrong.iter().map(|(field, why)| error_line(field, why)).collect();
    let text = check(&View { sections, errors, unsaved: 1, ..view(tab, Role::Admin) });
    for part in [
        "<a href=\"#grace-reads\">Counts as gone after</a>: Type a whole number.",
        "id=\"grace-reads-error\"",
        "aria-describedby=\"grace-reads-error grace-reads-help\"",
        "1 thing to correct",
        "2<span class=\"visually-hidden\"> to correct",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_wrong_on_another_tab_is_told_in_its_words_and_leads_there() {
    let mut draft = Draft {
        name: "OneLogin".to_owned(),
        settings: ConnectorSettings::new(Settings {
            base_url: String::new(),
            client_id: String::new(),
            groups_from: BTreeSet::new(),
            required_groups: Vec::new(),
            scope: ScopeSettings::default(),
            statuses: Vec::new(),
            minimum_remaining_api_calls: 0,
        }),
        secret: None,
        secret_is_missing: false,
        given: Vec::new(),
        identity: None,
        wrong: Wrong::new(),
        wrong_together: Vec::new(),
    };
    let error = |field, why: &str| ConnectorError::Field(FieldError { field, why: why.to_owned() });
    for (field, why) in [
        ("schedule.time_zone", "There is no such zone."),
        ("groups.only", "This is no pattern."),
        ("nowhere.known", "This goes nowhere."),
    ] {
        draft::note(error(field, why), &mut draft).unwrap();
    }
    let lines = draft::error_lines(&draft, ConnectorId(7), Tab::GroupProvisioning);
    let told: Vec<String> =
        lines.iter().map(|it| format!("{} {}: {}", it.href, it.label, it.why)).collect();
    assert_eq!(
        told,
        [
            "#only-group Only these groups: This is no pattern.",
            "/connectors/7/sync-settings#time-zone Sync Settings, Time zone: There is no such zone.",
            "#form These settings together: This goes nowhere.",
        ]
    );
}

#[test]
fn a_conflict_tells_what_the_other_saved() {
    let saved = Saved { by: HOSTILE.to_owned(), at: moment(), rows: vec![difference()] };
    let conflict = Some(Conflict { saved: vec![saved] });
    let text = check(&View { conflict, unsaved: 2, ..view(Tab::General, Role::Admin) });
    assert!(text.contains("Somebody else saved"), "{text}");
}

#[test]
fn a_name_that_nobody_knows_may_be_meant() {
    for is_meant in [false, true] {
        let even_if_unknown = Some(is_meant);
        let text = check(&View { even_if_unknown, ..view(Tab::RequiredGroups, Role::Admin) });
        let (_, tick) = text.split_once("name=\"even-if-unknown\"").unwrap();
        let (tick, _) = tick.split_once('>').unwrap();
        assert_eq!(tick.contains(" checked"), is_meant, "{tick}");
    }
    let text = check(&view(Tab::RequiredGroups, Role::Admin));
    assert!(!text.contains("even-if-unknown"), "{text}");
}

#[test]
fn a_review_tells_old_and_new() {
    for rows in [vec![], vec![difference()]] {
        let is_empty = rows.is_empty();
        let text =
            check(&View { review: Some(Review { rows }), ..view(Tab::General, Role::Admin) });
        assert_eq!(text.contains("Nothing is changed."), is_empty, "{text}");
    }
}

#[test]
fn the_rail_tells_what_the_last_run_found() {
    let rail = Rail {
        last: Some(LastRun { id: 3, at: moment() }),
        budget: BudgetPart {
            gauge: Some(Gauge {
                left: 4_588,
                limit: 5_000,
                minimum: 500,
                asked: Some(moment()),
                of: String::new(),
            }),
        },
        facts: vec![("In scope", HOSTILE.to_owned())],
    };
    let text = check(&View { rail, ..view(Tab::General, Role::Viewer) });
    assert!(text.contains("4,588 of 5,000 API calls left"), "{text}");
}

#[test]
fn targets_and_runs_are_listed() {
    let targets = vec![
        TargetRow { id: 1, name: HOSTILE.to_owned(), kind: "crowd", published: None, read: None },
        TargetRow {
            id: 2,
            name: HOSTILE.to_owned(),
            kind: "crowd",
            published: Some(moment()),
            read: Some(moment()),
        },
    ];
    check(&View { targets, ..view(Tab::Targets, Role::Viewer) });
    let run = RunRow {
        id: 1,
        status: "held",
        at: moment(),
        trigger: "page".to_owned(),
        by: HOSTILE.to_owned(),
        message: HOSTILE.to_owned(),
    };
    check(&View { runs: vec![run], ..view(Tab::History, Role::Viewer) });
}

#[test]
fn the_effect_is_told_beside_the_fields() {
    let hostile = || HOSTILE.to_owned();
    let people = effect::PeopleEffect {
        read: moment(),
        in_scope: hostile(),
        is_nobody: true,
        coming: hostile(),
        leaving: hostile(),
        targets: vec![effect::TargetEffect {
            name: hostile(),
            kinds: vec![effect::KindEffect {
                word: "create",
                count: "3".to_owned(),
                held: "1".to_owned(),
                saved: "39".to_owned(),
                saved_held: "38".to_owned(),
            }],
            missing: hostile(),
            rejected: HOSTILE.to_owned(),
            objections: vec![hostile()],
        }],
        unanswered: vec![hostile()],
    };
    let schedule = effect::ScheduleEffect {
        is_enabled: false,
        sentence: hostile(),
        zone: hostile(),
        next: vec![hostile()],
        clock_changes: vec![hostile()],
        cost: hostile(),
        warning: hostile(),
    };
    let told = Effect {
        wrong: vec![(hostile(), hostile())],
        schedule: Some(schedule),
        groups: [hostile(), String::new()]
            .map(|why| effect::GroupEffect {
                typed: hostile(),
                words: hostile(),
                people: hostile(),
                is_excluded: why.is_empty(),
                why,
            })
            .into(),
        calls: hostile(),
        people: Some(people),
        untold: String::new(),
    };
    let text = check(&View { effect: told, ..view(Tab::SyncSettings, Role::Admin) });
    for part in ["Next runs", "nobody in scope", "1 held"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn rules_are_tried_and_somebody_is_explained_below_the_fields_of_whoever_may_edit() {
    for tried in trying::tests::samples() {
        let is_answer = tried.sorry.is_empty();
        let trying =
            Trying { user: HOSTILE.to_owned(), sample: HOSTILE.to_owned(), tried: Some(tried) };
        let explaining = Explaining { user: HOSTILE.to_owned(), ..Explaining::default() };
        let view = view(Tab::UserProvisioning, Role::Admin);
        let text = check(&View { trying: Some(trying), explaining: Some(explaining), ..view });
        assert_eq!(text.contains("role=\"alert\""), !is_answer, "{text}");
        let first = text.find("name=\"then\"").unwrap();
        assert!(text[first..].starts_with("name=\"then\" value=\"stay\""), "Enter saves: {text}");
    }
}
