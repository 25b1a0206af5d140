//! What settings come to before they are saved: when runs would start, and what a run would do by
//! the last read, without asking OneLogin for anything.

use askama::Template;
use jiff::Timestamp;
use reconcile::figure::counted;

use super::draft::{Draft, error_lines};
use super::rail;
use super::tabs::Tab;
use crate::people::preview::{self, Few, Kind, Preview, TargetPreview, Told};
use crate::schedule::{self, Slot};
use crate::source::onelogin::replay::headcount::HeadCount;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::runs::Run;
use crate::store::{budgets, reads, runs, targets};
use crate::sync::report::left_alone;
use crate::web::App;
use crate::web::moment::{Moment, count};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

/// A part of the page, which is asked for anew while somebody types.
#[derive(Debug, Default, Template)]
#[template(path = "connector_effect.html")]
pub struct Effect {
    /// What is to be corrected before anything can be told.
    pub wrong: Vec<(String, String)>,
    pub schedule: Option<ScheduleEffect>,
    /// The required and excluded groups, on their tab.
    pub groups: Vec<GroupEffect>,
    /// What a run costs with these settings; empty where it is not known.
    pub calls: String,
    pub people: Option<PeopleEffect>,
    /// Why nothing is told of people.
    pub untold: String,
}

#[derive(Debug)]
pub struct ScheduleEffect {
    pub is_enabled: bool,
    pub sentence: String,
    pub zone: String,
    pub next: Vec<String>,
    pub clock_changes: Vec<String>,
    pub cost: String,
    /// Why OneLogin does not allow that many calls; empty where it does, or nobody knows.
    pub warning: String,
}

/// A required or excluded group by the last read.
#[derive(Debug)]
pub struct GroupEffect {
    pub typed: String,
    /// `role "Staff"`; empty where there is no such group.
    pub words: String,
    pub people: String,
    /// What is wrong with it, and what may have been meant.
    pub why: String,
    pub is_excluded: bool,
}

#[derive(Debug)]
pub struct PeopleEffect {
    pub read: Moment,
    pub in_scope: String,
    pub is_nobody: bool,
    pub coming: String,
    pub leaving: String,
    pub targets: Vec<TargetEffect>,
    pub unanswered: Vec<String>,
}

#[derive(Debug)]
pub struct TargetEffect {
    pub name: String,
    pub kinds: Vec<KindEffect>,
    /// What becomes of whoever is missing, where they are too many; empty where they are not.
    pub missing: String,
    /// How many changes would be left alone because somebody rejected them; empty where there are none.
    pub rejected: String,
    pub objections: Vec<String>,
}

#[derive(Debug)]
pub struct KindEffect {
    pub word: &'static str,
    pub count: String,
    pub held: String,
    /// How many there would be with the settings as they are saved, and how many of them held.
    pub saved: String,
    pub saved_held: String,
}

/// Up to so many people, a page tells the effect when it is opened; of more only when asked.
const PEOPLE_AT_ONCE_MAX: usize = 5_000;

const SLOTS: usize = 5;

/// So many runs are looked through for what one costs.
const RUNS_LOOKED_AT: u32 = 25;

/// What the settings of a draft come to. Of many people only when it was asked for.
pub async fn of(
    app: &App,
    visit: &Visit,
    tab: Tab,
    connector: &Connector,
    draft: &Draft,
    is_asked: bool,
) -> Result<Effect, Refusal> {
    let mut effect = Effect::default();
    if draft.is_wrong() {
        effect.wrong = error_lines(draft, connector.id, tab)
            .into_iter()
            .map(|it| (it.label, it.why))
            .collect();
        return Ok(effect);
    }
    let last = runs::list(app.db(), Some(connector.id), RUNS_LOOKED_AT).await?;
    let limit = calls_an_hour(app, connector).await?;
    effect.schedule = of_schedule(tab, &draft.settings, &last, limit, visit.now());
    if tab == Tab::General || !tab.is_form() {
        return Ok(effect);
    }
    if !is_asked && !is_small(app, connector).await? {
        let untold = "Press Review to see what these settings come to by the last read, \
                         without API calls.";
        return Ok(Effect { untold: untold.to_owned(), ..effect });
    }
    let targets = targets::of_connector(app.db(), connector.id).await?;
    let Told { scope, preview } =
        match preview::preview(app.db(), connector, &targets, &draft.settings).await {
            Ok(told) => told,
            Err(error) => return Ok(Effect { untold: error.to_string(), ..effect }),
        };
    if tab == Tab::RequiredGroups {
        effect.groups = scope.groups.into_iter().map(|it| group(it, scope.is_whole)).collect();
    }
    effect.calls = calls_told(scope.calls, scope.calls_besides.unwrap_or(0));
    match preview {
        Ok(preview) => effect.people = Some(people(preview, visit.now())),
        // Each group says so itself.
        Err(_) if effect.groups.iter().any(|it| !it.why.is_empty()) => {}
        Err(error) => effect.untold = error.to_string(),
    }
    Ok(effect)
}

/// When runs would start and what a day of them costs, by the runs so far. Nothing of people.
pub fn of_schedule(
    tab: Tab,
    settings: &ConnectorSettings,
    runs: &[Run],
    calls_an_hour: Option<u64>,
    now: Timestamp,
) -> Option<ScheduleEffect> {
    if tab != Tab::SyncSettings {
        return None;
    }
    let preview = schedule::preview(&settings.schedule, now, SLOTS).ok()?;
    let calls_of_a_run = rail::calls_of_a_run(runs);
    let minimum = u64::from(settings.source.minimum_remaining_api_calls);
    let warning = calls_of_a_run.zip(calls_an_hour).and_then(|(calls, limit)| {
        let most = u64::try_from(preview.runs_per_hour_max).unwrap_or(u64::MAX);
        too_many(calls, most, limit, minimum)
    });
    let runs = match preview.runs_per_day {
        1 => "1 run".to_owned(),
        many => format!("{} runs", number(many)),
    };
    let cost = match calls_of_a_run {
        _ if preview.runs_per_day == 0 => "No run in the next 24 hours.".to_owned(),
        Some(calls) => format!(
            "{runs} in the next 24 hours, about {} API calls each: {} a day.",
            count(calls),
            count(preview.calls_per_day(calls))
        ),
        None => format!(
            "{runs} in the next 24 hours. After the first one, what they cost is told here."
        ),
    };
    Some(ScheduleEffect {
        is_enabled: settings.schedule.enabled,
        sentence: preview.sentence,
        zone: preview.time_zone,
        next: preview.next.iter().map(clock).collect(),
        clock_changes: preview.clock_changes.into_iter().map(|it| it.text).collect(),
        cost,
        warning: warning.unwrap_or_default(),
    })
}

/// What is to be said of a schedule that is about to be saved, where it is another or starts to count.
pub async fn of_new_schedule(
    app: &App,
    before: &Connector,
    settings: &ConnectorSettings,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    if !settings.schedule.enabled || settings.schedule == before.settings.schedule {
        return Ok(None);
    }
    let last = runs::list(app.db(), Some(before.id), RUNS_LOOKED_AT).await?;
    let limit = calls_an_hour(app, before).await?;
    let told = of_schedule(Tab::SyncSettings, settings, &last, limit, now);
    Ok(told.map(|it| it.warning).filter(|it| !it.is_empty()))
}

/// How many calls OneLogin allows in an hour, as it was told last.
async fn calls_an_hour(app: &App, connector: &Connector) -> Result<Option<u64>, Refusal> {
    Ok(budgets::of(app.db(), connector.id).await?.map(|it| it.limit))
}

/// What is said where the runs of an hour take more calls than there are for them.
fn too_many(calls: u64, runs: u64, limit: u64, minimum: u64) -> Option<String> {
    let (all, allowed) = (calls.saturating_mul(runs), limit.saturating_sub(minimum));
    if limit <= minimum {
        return Some(format!(
            "No run can start: OneLogin allows {} API calls an hour, and {} stay for others. Lower \
             Minimum remaining API calls on the tab General.",
            count(limit),
            count(minimum)
        ));
    }
    if all <= allowed {
        return None;
    }
    let runs = if runs == 1 { "1 run".to_owned() } else { format!("{} runs", count(runs)) };
    Some(format!(
        "That is too often: {runs} an hour of about {} API calls each are {}. OneLogin allows {} an \
         hour, of which {} stay for others, so not every run could start. Choose a longer interval.",
        count(calls),
        count(all),
        count(limit),
        count(minimum)
    ))
}

/// `Thu 26 Nov 2026 06:30`: by the clocks of the schedule, which are named beside the list.
fn clock(slot: &Slot) -> String {
    let at = slot.offset.to_datetime(slot.at);
    let format = if at.second() == 0 { "%a %-d %b %Y %H:%M" } else { "%a %-d %b %Y %H:%M:%S" };
    at.strftime(format).to_string()
}

/// Whether the last read, if there is one, is so small that its effect is told at once.
pub async fn is_small(app: &App, connector: &Connector) -> Result<bool, Refusal> {
    let last = reads::last(app.db(), connector.id).await?;
    Ok(last.is_none_or(|it| it.people <= PEOPLE_AT_ONCE_MAX))
}

fn group(group: HeadCount, is_whole: bool) -> GroupEffect {
    let HeadCount { typed, is_excluded, found } = group;
    let at_least = if is_whole { "" } else { "at least " };
    let (words, people, why) = match found {
        Ok((words, 1)) => (words, format!("{at_least}1 person"), String::new()),
        Ok((words, people)) => {
            (words, format!("{at_least}{} people", number(people)), String::new())
        }
        Err(why) => (String::new(), String::new(), why),
    };
    GroupEffect { typed, words, people, why, is_excluded }
}

fn calls_told(calls: Option<(usize, usize)>, besides: usize) -> String {
    match calls.map(|(calls, everybody)| (calls + besides, everybody + besides)) {
        None => String::new(),
        Some((calls, everybody)) if calls < everybody => format!(
            "A run takes about {} API calls instead of {}.",
            number(calls),
            number(everybody)
        ),
        Some((calls, _)) => format!("A run takes about {} API calls.", number(calls)),
    }
}

fn people(preview: Preview, now: Timestamp) -> PeopleEffect {
    PeopleEffect {
        read: Moment::new(preview.read_at, now),
        in_scope: format!(
            "{} of {} in scope",
            number(preview.in_scope),
            counted(preview.people, "person", "people")
        ),
        is_nobody: preview.in_scope == 0,
        coming: few(&preview.coming, "comes in", "come in"),
        leaving: few(&preview.leaving, "drops out", "drop out"),
        targets: preview.targets.into_iter().map(target).collect(),
        unanswered: preview.unanswered,
    }
}

/// `12 people drop out: ada, bob, ..`; empty where nobody does.
fn few(few: &Few, one: &str, many: &str) -> String {
    if few.count == 0 {
        return String::new();
    }
    let more = if few.examples.len() < few.count { ", .." } else { "" };
    let (who, what) = match few.count {
        1 => ("person", one),
        _ => ("people", many),
    };
    format!("{} {who} {what}: {}{more}", number(few.count), few.examples.join(", "))
}

fn target(target: TargetPreview) -> TargetEffect {
    let held = |size: usize| if size == 0 { String::new() } else { number(size) };
    let kind = |it: Kind| KindEffect {
        word: it.word,
        count: number(it.passing + it.held),
        held: held(it.held),
        saved: number(it.saved),
        saved_held: held(it.saved_held),
    };
    TargetEffect {
        missing: target.about_missing().unwrap_or_default(),
        name: target.target.map_or_else(|| "no target yet".to_owned(), |it| it.to_string()),
        kinds: target.kinds.into_iter().map(kind).collect(),
        rejected: match target.rejected as u64 {
            0 => String::new(),
            rejected => left_alone(rejected),
        },
        objections: target.objections,
    }
}

fn number(size: usize) -> String {
    count(u64::try_from(size).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_runs_are_told_by_what_would_help() {
        assert_eq!(too_many(5, 60, 5_000, 500), None);
        let often = too_many(100, 60, 5_000, 500).unwrap();
        assert!(often.ends_with("Choose a longer interval."), "{often}");
        for (limit, minimum) in [(5_000, 5_000), (500, 9_000)] {
            let never = too_many(5, 1, limit, minimum).unwrap();
            assert!(never.contains("Lower Minimum remaining API calls"), "{never}");
            assert!(!never.contains("interval"), "{never}");
        }
    }

    #[test]
    fn a_run_costs_what_the_last_one_did_besides_reading() {
        assert_eq!(calls_told(Some((2, 2)), 3), "A run takes about 5 API calls.");
        let told = calls_told(Some((13, 27)), 3);
        assert_eq!(told, "A run takes about 16 API calls instead of 30.");
        assert_eq!(calls_told(None, 3), "");
    }
}
