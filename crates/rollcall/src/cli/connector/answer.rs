//! A connector as answers show it: everything but its secret.

use reconcile::schedule::due::Freshness;
use serde::Serialize;

use crate::cli::connector::groups;
use crate::cli::connector::leavers;
use crate::cli::connector::mapping;
use crate::cli::connector::schedule;
use crate::cli::connector::scope;
use crate::cli::cron::PreviewAnswer;
use crate::cli::output;
use crate::health::ConnectorHealth;
use crate::notation::choices::group_source_word;
use crate::source::onelogin::settings::ScopeSettings;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::groups::{EmptyGroups, GroupSettings};
use crate::store::connectors::settings::leavers::{Cleanup, LeaverSettings};
use crate::store::connectors::settings::mapping::MappingSettings;
use crate::store::connectors::settings::schedule::ScheduleSettings;
use crate::store::connectors::settings::{HoldWhat, Safety};
use crate::store::runs::Run;
use crate::store::targets::Target;

#[derive(Serialize)]
pub(super) struct ConnectorAnswer {
    pub(super) name: String,
    pub(super) provider: &'static str,
    pub(super) base_url: String,
    client_id: String,
    groups_from: Vec<&'static str>,
    required_groups: Vec<String>,
    scope: ScopeSettings,
    statuses: Vec<String>,
    minimum_remaining_api_calls: u32,
    mapping: MappingSettings,
    cleanup: Cleanup,
    leavers: LeaverSettings,
    empty_groups: EmptyGroups,
    groups: GroupSettings,
    limits: Safety,
    schedule: ScheduleSettings,
    pub(super) health: HealthAnswer,
    pub(super) targets: Vec<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
pub(super) struct HealthAnswer {
    word: &'static str,
    #[serde(skip)]
    label: &'static str,
    why: String,
    /// `on-time`, `late` or `never-run`; none without a schedule.
    freshness: Option<&'static str>,
    paused: Option<PauseAnswer>,
    failures_in_a_row: u32,
    /// None while the schedule is off or cannot be used.
    schedule: Option<PreviewAnswer>,
    last_run: Option<LastRunAnswer>,
    last_success: Option<LastRunAnswer>,
    under_way: Option<i64>,
}

#[derive(Serialize)]
struct PauseAnswer {
    since: String,
    by: String,
    reason: String,
}

#[derive(Serialize)]
struct LastRunAnswer {
    run: i64,
    status: &'static str,
    started_at: String,
    message: String,
}

impl HealthAnswer {
    fn new(health: &ConnectorHealth) -> HealthAnswer {
        let preview = health.schedule.as_ref().and_then(|it| it.as_ref().ok());
        HealthAnswer {
            word: health.health.word(),
            label: health.health.label(),
            why: health.told(),
            freshness: health.freshness.map(Freshness::word),
            paused: health.pause.as_ref().map(|it| PauseAnswer {
                since: it.at.to_string(),
                by: it.by.clone(),
                reason: it.reason.clone(),
            }),
            failures_in_a_row: health.failures_in_a_row,
            schedule: preview.map(PreviewAnswer::new),
            last_run: health.last_run.as_ref().map(LastRunAnswer::new),
            last_success: health.last_success.as_ref().map(LastRunAnswer::new),
            under_way: health.under_way.as_ref().map(|it| it.id.0),
        }
    }
}

impl LastRunAnswer {
    fn new(run: &Run) -> LastRunAnswer {
        LastRunAnswer {
            run: run.id.0,
            status: run.status.word(),
            started_at: run.started_at.to_string(),
            message: run.message.clone(),
        }
    }
}

impl ConnectorAnswer {
    pub(super) fn new(
        connector: &Connector,
        targets: &[Target],
        health: &ConnectorHealth,
    ) -> ConnectorAnswer {
        let source = &connector.settings.source;
        ConnectorAnswer {
            name: connector.name.to_string(),
            provider: connector.provider.word(),
            base_url: source.base_url.clone(),
            client_id: source.client_id.clone(),
            groups_from: source.groups_from.iter().map(|&it| group_source_word(it)).collect(),
            required_groups: source.required_groups.clone(),
            scope: source.scope.clone(),
            statuses: source.statuses.clone(),
            minimum_remaining_api_calls: source.minimum_remaining_api_calls,
            mapping: connector.settings.mapping.clone(),
            cleanup: connector.settings.cleanup,
            leavers: connector.settings.leavers.clone(),
            empty_groups: connector.settings.empty_groups,
            groups: connector.settings.groups.clone(),
            limits: connector.settings.safety,
            schedule: connector.settings.schedule.clone(),
            health: HealthAnswer::new(health),
            targets: targets.iter().map(|it| it.name.to_string()).collect(),
            created_at: connector.created_at.to_string(),
            updated_at: connector.updated_at.to_string(),
        }
    }

    pub(super) fn text(&self) -> String {
        let or = |list: &[String], otherwise: &str| match list {
            [] => otherwise.to_owned(),
            list => list.join(", "),
        };
        let mut facts = vec![
            ("Connector", self.name.clone()),
            ("Health", output::printable(&format!("{}. {}", self.health.label, self.health.why))),
            ("Provider", self.provider.to_owned()),
            ("Base URL", self.base_url.clone()),
            ("Client ID", self.client_id.clone()),
            ("Groups from", self.groups_from.join(", ")),
        ];
        facts.extend(scope::facts(&self.required_groups, &self.scope));
        facts.push(("Minimum API calls", self.minimum_remaining_api_calls.to_string()));
        facts.extend(mapping::facts(&self.mapping, &self.statuses));
        facts.extend(leavers::facts(self.cleanup, &self.leavers));
        facts.extend(groups::facts(self.empty_groups, &self.groups));
        facts.extend(self.schedule_facts());
        facts.extend(gate_facts(&self.limits));
        facts.push(("Targets", or(&self.targets, "none yet")));
        output::facts(&facts)
    }

    fn schedule_facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("Runs by itself", self.schedule_text())];
        let Some(preview) = &self.health.schedule else { return facts };
        if self.health.paused.is_none() {
            facts.extend(listed("Next", &preview.next));
        }
        facts.extend(listed("Clock changes", &preview.clock_changes));
        facts.push(("Schedule", schedule::terms(&self.schedule)));
        facts
    }

    fn schedule_text(&self) -> String {
        match (&self.health.schedule, self.schedule.enabled) {
            (_, false) => "no; see --schedule and --every of `connector edit`".to_owned(),
            (None, true) => output::printable(&format!(
                "no: {} in {} cannot be used",
                self.schedule.expression, self.schedule.time_zone
            )),
            (Some(preview), true) => output::printable(&format!(
                "{} ({}, by the clocks of {})",
                preview.sentence.trim_end_matches('.'),
                preview.expression,
                preview.time_zone
            )),
        }
    }

    pub(super) fn health_label(&self) -> &'static str {
        self.health.label
    }

    /// `12 succeeded 2026-11-24T02:00:00Z`
    pub(super) fn last_run_text(&self) -> String {
        let Some(run) = &self.health.last_run else { return "-".to_owned() };
        let at = run.started_at.get(..19).unwrap_or(&run.started_at);
        format!("{} {} {at}Z", run.run, run.status)
    }

    pub(super) fn next_text(&self) -> String {
        if self.health.paused.is_some() {
            return "-".to_owned();
        }
        let next = self.health.schedule.as_ref().and_then(|it| it.next.first());
        next.cloned().unwrap_or_else(|| "-".to_owned())
    }
}

/// The name beside the first line alone.
fn listed(name: &'static str, lines: &[String]) -> Vec<(&'static str, String)> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    names.zip(lines.iter().cloned()).collect()
}

/// What `connector show` tells of the gate.
fn gate_facts(limits: &Safety) -> Vec<(&'static str, String)> {
    let Safety {
        deactivations_max,
        deactivations_percent_max,
        removals_max,
        removals_percent_max,
        membership_removals_max,
        membership_removals_percent_max,
        renames_max,
        renames_percent_max,
        email_changes_max,
        email_changes_percent_max,
        group_loss_percent_max,
        group_loss_members_min,
        shrinkage_percent_max,
        small_directory_floor,
        hold,
        expiry_hours,
        rejection_days,
    } = limits;
    let either = |max: usize, percent: u32| match (max, percent) {
        (usize::MAX, percent) => format!("{percent} %"),
        (max, 100) => max.to_string(),
        (max, percent) => format!("{max} or {percent} %"),
    };
    let above = format!(
        "{} deactivations, {} removals, {} memberships removed, {} renames, {} e-mail changes, \
         {group_loss_percent_max} % of a group with {group_loss_members_min} members or more, \
         {shrinkage_percent_max} % fewer people; {small_directory_floor} of a kind always pass",
        either(*deactivations_max, *deactivations_percent_max),
        either(*removals_max, *removals_percent_max),
        either(*membership_removals_max, *membership_removals_percent_max),
        either(*renames_max, *renames_percent_max),
        either(*email_changes_max, *email_changes_percent_max),
    );
    let held = match hold {
        HoldWhat::Harmful => "what the limit is about; everything else flows",
        HoldWhat::Everything => "everything, until somebody decides",
    };
    vec![
        ("Held above", above),
        ("Held is", held.to_owned()),
        ("A held plan waits", format!("{expiry_hours} h")),
        ("A rejection lasts", format!("{rejection_days} days, or until the source changes")),
    ]
}
