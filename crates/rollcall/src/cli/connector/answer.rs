//! A connector as answers show it: everything but its secret.

use serde::Serialize;

use crate::cli::connector::groups;
use crate::cli::connector::leavers;
use crate::cli::connector::scope;
use crate::cli::connector::settings::group_source_word;
use crate::cli::output;
use crate::source::onelogin::settings::ScopeSettings;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::Safety;
use crate::store::connectors::settings::groups::{EmptyGroups, GroupSettings};
use crate::store::connectors::settings::leavers::{Cleanup, LeaverSettings};
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
    minimum_remaining_api_calls: u32,
    cleanup: Cleanup,
    leavers: LeaverSettings,
    empty_groups: EmptyGroups,
    groups: GroupSettings,
    limits: Safety,
    pub(super) targets: Vec<String>,
    created_at: String,
    updated_at: String,
}

impl ConnectorAnswer {
    pub(super) fn new(connector: &Connector, targets: &[Target]) -> ConnectorAnswer {
        let source = &connector.settings.source;
        ConnectorAnswer {
            name: connector.name.to_string(),
            provider: connector.provider.word(),
            base_url: source.base_url.clone(),
            client_id: source.client_id.clone(),
            groups_from: source.groups_from.iter().map(|&it| group_source_word(it)).collect(),
            required_groups: source.required_groups.clone(),
            scope: source.scope.clone(),
            minimum_remaining_api_calls: source.minimum_remaining_api_calls,
            cleanup: connector.settings.cleanup,
            leavers: connector.settings.leavers.clone(),
            empty_groups: connector.settings.empty_groups,
            groups: connector.settings.groups.clone(),
            limits: connector.settings.safety,
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
            ("Provider", self.provider.to_owned()),
            ("Base URL", self.base_url.clone()),
            ("Client ID", self.client_id.clone()),
            ("Groups from", self.groups_from.join(", ")),
        ];
        facts.extend(scope::facts(&self.required_groups, &self.scope));
        facts.push(("Minimum API calls", self.minimum_remaining_api_calls.to_string()));
        facts.extend(leavers::facts(self.cleanup, &self.leavers));
        facts.extend(groups::facts(self.empty_groups, &self.groups));
        facts.push(("Held above", held_above(&self.limits)));
        facts.push(("Targets", or(&self.targets, "none yet")));
        output::facts(&facts)
    }
}

fn held_above(limits: &Safety) -> String {
    let Safety {
        deactivations_max,
        deactivations_percent_max,
        removals_max,
        removals_percent_max,
        membership_removals_max,
        membership_removals_percent_max,
        renames_max,
        email_changes_percent_max,
        group_loss_percent_max,
        shrinkage_percent_max,
    } = limits;
    format!(
        "{deactivations_max} or {deactivations_percent_max} % deactivations, \
         {removals_max} or {removals_percent_max} % removals, \
         {membership_removals_max} or {membership_removals_percent_max} % memberships removed, \
         {renames_max} renames, {email_changes_percent_max} % e-mail changes, \
         {group_loss_percent_max} % of a group, {shrinkage_percent_max} % fewer people"
    )
}
