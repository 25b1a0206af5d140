//! Names in unsaved settings, by the last read: a required group or a custom attribute that is misspelt
//! is noticed before it is saved, and not by a run.
//!
//! Only what is new is looked for: what was saved before may have gone since, and is no reason to
//! refuse something else.

use std::collections::BTreeSet;

use reconcile::principal::Name;

use super::{PeopleError, last_read};
use crate::source::onelogin::fields::CUSTOM_ATTRIBUTES;
use crate::source::onelogin::replay::Replay;
use crate::source::onelogin::replay::headcount::HeadCount;
use crate::source::onelogin::replay::names::Sighting;
use crate::source::onelogin::scope;
use crate::store::Db;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::directory::{browse, local};
use crate::store::names::nearest;
use crate::store::targets::{self, TargetError};

/// What the last read says of the names in settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Names that it does not have.
    pub unknown: Vec<FieldError>,
    /// Which could not be looked for, and why, in a sentence.
    pub unchecked: Option<String>,
}

/// A name, and the place of its setting in the stored settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    field: &'static str,
    name: String,
}

const REQUIRED: &str = "source.required_groups";
const EXCLUDED: &str = "source.scope.excluded_groups";
const CONDITIONS: &str = "source.scope.conditions";
const ROWS: &str = "mapping.rows";
const KEY: &str = "mapping.key";

/// Looks for what these settings name and the connector does not yet. None is a connector that is
/// about to be made, of which nothing was read.
pub async fn look_up(
    db: &Db,
    connector: Option<&Connector>,
    settings: &ConnectorSettings,
) -> Result<Lookup, PeopleError> {
    settings.check()?;
    let new = new_names(connector.map(|it| &it.settings), settings)?;
    if new.is_empty() {
        return Ok(Lookup::default());
    }
    let Some(connector) = connector else {
        return Ok(Lookup::without_read(&new, "nothing was read yet"));
    };
    let stored = match last_read(db, connector).await {
        Ok(stored) => stored,
        Err(PeopleError::NoRead { .. }) => {
            return Ok(Lookup::without_read(&new, "no read is stored yet"));
        }
        Err(PeopleError::Replay(error)) => {
            tracing::debug!(%error, "names cannot be looked for in the stored read");
            return Ok(Lookup::without_read(&new, "the stored read cannot be used"));
        }
        Err(error) => return Err(error),
    };
    if !stored.replay.is_of(&settings.source) {
        return Ok(Lookup::without_read(&new, "the stored read is of another OneLogin account"));
    }
    let (before, settings) = (connector.settings.clone(), settings.clone());
    // A hundred thousand people keep a core busy for a while.
    let looked =
        tokio::task::spawn_blocking(move || look(&stored.replay, &before, &settings, &new));
    looked.await.map_err(|_| PeopleError::Broken)
}

/// What there is to know of groups that are to be adopted from now on, in sentences. None of it is a
/// reason to refuse them: somebody may make the group later, and has to be asked then anyway.
pub async fn of_adopted(
    db: &Db,
    before: &Connector,
    settings: &ConnectorSettings,
) -> Result<Vec<String>, TargetError> {
    /// Whoever names more at once is told of the first ones.
    const SENTENCES_MAX: usize = 5;
    let old = &before.settings.groups.adopt;
    let new: Vec<Name> = settings
        .groups
        .adopt
        .iter()
        .filter(|it| !old.contains(it))
        .map(|it| Name::new(it.trim()))
        .collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let targets = targets::of_connector(db, before.id).await?;
    let mut known: Vec<Name> = Vec::new();
    for target in &targets {
        known.extend(local::list(db, target.id).await?.into_iter().map(|it| it.name));
    }
    let mut sentences = Vec::new();
    for name in new.iter().filter(|it| !known.contains(it)).take(SENTENCES_MAX) {
        let mut ours = None;
        for target in &targets {
            let is_there = browse::group(db, target.id, name).await?.is_some();
            ours = ours.or(is_there.then_some(&target.name));
        }
        sentences.push(match (ours, nearest(name.as_str(), &known)) {
            (Some(target), _) => {
                format!("The group \"{name}\" of {target} is the connector's already.")
            }
            (None, Some(near)) => format!(
                "There is no local group \"{name}\" to adopt now. Did you mean \"{near}\"?"
            ),
            (None, None) => format!(
                "There is no local group \"{name}\" to adopt now. If somebody makes one, the next plan proposes it."
            ),
        });
    }
    Ok(sentences)
}

fn look(
    replay: &Replay,
    before: &ConnectorSettings,
    settings: &ConnectorSettings,
    new: &BTreeSet<Named>,
) -> Lookup {
    let known_to_be_unknown = unknown_groups(replay, before);
    let mut source = settings.source.clone();
    let is_new = |field, name: &str| new.contains(&Named { field, name: name.to_owned() });
    source.required_groups.retain(|it| is_new(REQUIRED, it));
    source.scope.excluded_groups.retain(|it| is_new(EXCLUDED, it));
    let groups = replay.groups_sighted(&source).into_iter().map(named_group);
    let is_group = |it: &&Named| it.field == REQUIRED || it.field == EXCLUDED;
    let fields = new.iter().filter(|it| !is_group(it));
    let fields = fields.map(|it| (it.clone(), replay.field_sighted(&it.name)));
    let (mut unknown, mut untold) = (Vec::new(), BTreeSet::new());
    for (named, sighting) in groups.chain(fields) {
        match sighting {
            Sighting::Known => {}
            // Somebody said then that it is meant, and it is no other name now.
            Sighting::Unknown(_) if known_to_be_unknown.contains(&named) => {}
            Sighting::Unknown(why) => unknown.push(FieldError { field: named.field, why }),
            Sighting::Untold => drop(untold.insert(named)),
        }
    }
    let why = "the stored read was not asked for that";
    let unchecked = (!untold.is_empty()).then(|| unchecked(&untold, why));
    Lookup { unknown, unchecked }
}

/// The required and excluded groups of these settings that the read does not have.
fn unknown_groups(replay: &Replay, settings: &ConnectorSettings) -> BTreeSet<Named> {
    let sighted = replay.groups_sighted(&settings.source).into_iter().map(named_group);
    let unknown = sighted.filter(|(_, sighting)| matches!(sighting, Sighting::Unknown(_)));
    unknown.map(|(named, _)| named).collect()
}

fn named_group((group, sighting): (HeadCount, Sighting)) -> (Named, Sighting) {
    let field = if group.is_excluded { EXCLUDED } else { REQUIRED };
    (Named { field, name: group.typed }, sighting)
}

impl Lookup {
    fn without_read(new: &BTreeSet<Named>, why: &str) -> Lookup {
        Lookup { unknown: Vec::new(), unchecked: Some(unchecked(new, why)) }
    }
}

/// `Whether OneLogin has "Staff" could not be checked: ..`
fn unchecked(names: &BTreeSet<Named>, why: &str) -> String {
    const NAMES_MAX: usize = 5;
    let distinct: BTreeSet<&str> = names.iter().map(|it| it.name.as_str()).collect();
    let named: Vec<String> =
        distinct.iter().take(NAMES_MAX).map(|it| format!("\"{it}\"")).collect();
    let more = distinct.len().saturating_sub(NAMES_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "Whether OneLogin has {}{more} was not checked: {why}. The next read checks it.",
        named.join(", ")
    )
}

fn new_names(
    before: Option<&ConnectorSettings>,
    settings: &ConnectorSettings,
) -> Result<BTreeSet<Named>, FieldError> {
    let mut new = names(settings)?;
    let Some(before) = before.filter(|it| it.source.base_url == settings.source.base_url) else {
        return Ok(new);
    };
    // What could not be used before is nothing that was known.
    let mut old = names(before).unwrap_or_default();
    if before.source.groups_from != settings.source.groups_from {
        // The same name may mean something else now.
        old.retain(|it| it.field != REQUIRED && it.field != EXCLUDED);
    }
    new.retain(|it| !old.contains(it));
    Ok(new)
}

/// Everything that only a read knows of.
fn names(settings: &ConnectorSettings) -> Result<BTreeSet<Named>, FieldError> {
    let source = &settings.source;
    let mut names = BTreeSet::new();
    let mut add = |field, name: &str| names.insert(Named { field, name: name.to_owned() });
    for group in &source.required_groups {
        add(REQUIRED, group);
    }
    for group in &source.scope.excluded_groups {
        add(EXCLUDED, group);
    }
    let is_custom =
        |path: &str| path.strip_prefix(CUSTOM_ATTRIBUTES).is_some_and(|it| it.starts_with('.'));
    let conditions = scope::fields_of_conditions(source)
        .map_err(|error| FieldError { field: CONDITIONS, why: error.to_string() })?;
    for path in conditions.iter().filter(|it| is_custom(it)) {
        add(CONDITIONS, path);
    }
    let rules = settings.mapping.rules()?;
    // A row that names what the key is, too, still names it when the key is another.
    for path in rules.fields_of_rows().filter(|it| is_custom(it)) {
        add(ROWS, path);
    }
    if let Some(path) = rules.key_field().filter(|it| is_custom(it)) {
        add(KEY, path);
    }
    let asked = settings.asked_by_expressions()?;
    for (field, path) in asked.iter().filter(|(_, path)| is_custom(path)) {
        add(field, path);
    }
    Ok(names)
}
