//! By what somebody would take part who does not, and whom else the settings would bring in by it.
//!
//! Whoever is out of scope is told by the scope alone. Whoever something else keeps from an account is
//! told what that is; settings that would help are tried on the read, by the functions of a run, and told
//! only where they do help.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;

use reconcile::explain::hindrance::{Hindrance, Outcome};
use reconcile::mapping::existing::Existing;
use reconcile::mapping::rules::{Dismissal, Target as Attribute};
use reconcile::plan;
use reconcile::principal::{ExternalId, Record};

use super::known::Actuals;
use super::{PeopleError, retold};
use crate::notation;
use crate::source::onelogin::replay::{Remedy, Replay};
use crate::source::onelogin::report::Found;
use crate::source::onelogin::status;
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::settings::groups::UnmatchedGroups;
use crate::sync::rulings::Rulings;
use crate::sync::{self, Basis, Mapped};

/// Somebody who takes no part, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// Under which a directory holds them, or is to hold them.
    pub(super) id: ExternalId,
    pub(super) found: Found,
    pub(super) why: Why,
}

/// What keeps somebody from an active account.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// With what else keeps them from one, by what is known of them alone.
    OutOfScope(Option<Hindrance>),
    Hindered(Hindrance),
}

/// So many things that keep somebody out are mended together.
const HINDRANCES_MAX: usize = 4;
/// Others whom a remedy brings in are named up to here.
const EXAMPLES_MAX: usize = 5;
/// Longer flags help nobody to see what is meant.
const FLAGS_CHARS_MAX: usize = 160;
/// More people than this are not named in a sentence, nor left out one by one.
const NAMED_MAX: usize = 3;

/// By what somebody would take part, the closest first, by a stored read.
pub(super) async fn remedies(
    replay: Arc<Replay>,
    settings: &ConnectorSettings,
    actuals: &Actuals,
    left: Left,
) -> Result<Vec<Remedy>, PeopleError> {
    let (settings, actuals) = (settings.clone(), Arc::clone(actuals));
    // To map a hundred thousand people keeps a core busy for a while.
    let remedies = tokio::task::spawn_blocking(move || {
        let Left { id, found, why } = left;
        match why {
            Why::OutOfScope(besides) => {
                let name_of = |id: &ExternalId| replay.name_of(id);
                let besides = besides.map(|it| words_besides(&it, &settings, &name_of));
                let mut remedies = retold(&replay, &settings)?.remedies(&found);
                for remedy in &mut remedies {
                    if let Some(besides) = &besides {
                        remedy.words = format!("{}, and {besides}", remedy.words);
                    }
                }
                Ok(remedies)
            }
            Why::Hindered(hindrance) => {
                let trial = Trial { replay: &replay, actuals: &actuals, id: &id, found: &found };
                Ok(trial.remedies(&settings, hindrance))
            }
        }
    });
    remedies.await.map_err(|_| PeopleError::Broken)?
}

/// What would have to change at the source, as an order, if anything would help there. It needs no read.
pub(super) fn at_source(
    hindrance: &Hindrance,
    settings: &ConnectorSettings,
    name_of: &dyn Fn(&ExternalId) -> String,
) -> Option<Remedy> {
    let words = words_at_source(hindrance, settings, name_of)?;
    Some(Remedy { words, is_of_rules: false, others: Some(0), examples: Vec::new() })
}

/// Somebody among everybody else of a read.
struct Trial<'a> {
    replay: &'a Replay,
    actuals: &'a Actuals,
    id: &'a ExternalId,
    found: &'a Found,
}

/// What comes of some settings.
struct Tried {
    /// Whoever has an active account then, in whatever directory.
    provided: BTreeSet<ExternalId>,
    hindrance: Option<Hindrance>,
    is_whole: bool,
}

impl Trial<'_> {
    fn remedies(&self, settings: &ConnectorSettings, first: Hindrance) -> Vec<Remedy> {
        let name_of = |id: &ExternalId| self.replay.name_of(id);
        let mut hindrances = vec![first];
        let of_rules = self.by_settings(settings, &mut hindrances);
        let words = hindrances.iter().map(|it| words_at_source(it, settings, &name_of));
        let source = words.collect::<Option<Vec<_>>>().map(|words| Remedy {
            words: words.join(" and "),
            is_of_rules: false,
            others: Some(0),
            examples: Vec::new(),
        });
        [source, of_rules].into_iter().flatten().collect()
    }

    /// Mends one thing after the other until they have an account; nothing where that comes to no end.
    /// What else keeps them out is added to the hindrances.
    fn by_settings(
        &self,
        settings: &ConnectorSettings,
        hindrances: &mut Vec<Hindrance>,
    ) -> Option<Remedy> {
        let (mut edited, mut words) = (settings.clone(), Vec::new());
        let mut before = None;
        while let Some(hindrance) = hindrances.last()
            && hindrances.len() <= HINDRANCES_MAX
        {
            let edit = edit(&edited, hindrance, &|id| self.replay.name_of(id), &|id| {
                self.actuals.iter().any(|(_, it)| it.directory.users.contains_key(id))
            })?;
            words.push(edit.words(&edited));
            edited = edit.settings;
            let (now, after) = std::thread::scope(|threads| {
                let now = before.is_none().then(|| threads.spawn(|| self.tried(settings)));
                let after = self.tried(&edited);
                (now.map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic))), after)
            });
            before = before.or(now.flatten());
            let (before, after) = (before.as_ref()?, after?);
            if after.provided.contains(self.id) {
                let others = after.provided.difference(&before.provided);
                let others: Vec<&ExternalId> = others.filter(|it| *it != self.id).collect();
                let names = others.iter().take(EXAMPLES_MAX).map(|it| self.replay.name_of(it));
                return Some(Remedy {
                    words: words.join(" and "),
                    is_of_rules: true,
                    others: after.is_whole.then_some(others.len()),
                    examples: names.map(Box::from).collect(),
                });
            }
            let next = after.hindrance.filter(|it| !hindrances.contains(it))?;
            hindrances.push(next);
        }
        None
    }

    /// What a run makes of everybody; nothing where settings and read do not go together.
    fn tried(&self, settings: &ConnectorSettings) -> Option<Tried> {
        let retold = retold(self.replay, settings).ok()?;
        let read = retold.read_with(self.found).ok()?;
        let is_own = |it: &&Record| it.id == self.found.record.id;
        let record = read.records.iter().find(is_own).cloned();
        let existing = Existing::of(self.actuals.iter().map(|(_, actual)| &actual.directory));
        let rules = settings.rules().ok()?;
        let rulings = Rulings::of(settings).ok()?;
        let Mapped { reading: _, desired, findings } = sync::map(read, settings, &existing).ok()?;
        // Whoever is missing is none of those who come in.
        let Basis { desired, gone } = Basis::of(desired, BTreeMap::new());
        let mut tried = Tried {
            provided: BTreeSet::new(),
            hindrance: None,
            is_whole: retold.unread().is_none(),
        };
        for (_, actual) in self.actuals.iter() {
            let past = rulings.past(actual);
            let (plan, planning) =
                plan::plan(&desired, &actual.directory, &gone, &rulings.policy, &past);
            let findings: Vec<_> = findings.iter().cloned().chain(planning).collect();
            let outcome = Outcome {
                desired: &desired,
                steps: &plan.steps,
                findings: &findings,
                actual: &actual.directory,
                existing: &existing,
                rules: &rules,
                policy: &rulings.policy,
            };
            tried.provided.extend(outcome.provided());
            let hindrance = record.as_ref().and_then(|it| outcome.hindrance(self.id, it));
            tried.hindrance = tried.hindrance.or(hindrance);
        }
        Some(tried)
    }
}

/// Settings in which one thing is another.
struct Edit {
    words: String,
    /// By which it is set.
    flag: &'static str,
    settings: ConnectorSettings,
}

impl Edit {
    /// With the flags of `connector edit`, where they are short.
    fn words(&self, before: &ConnectorSettings) -> String {
        let flags = notation::flags_of(&[self.flag], before, &self.settings);
        let flags = flags.trim();
        let is_short = !flags.is_empty() && flags.chars().count() <= FLAGS_CHARS_MAX;
        let flags = if is_short { format!(" ({flags})") } else { String::new() };
        format!("{}{flags}", self.words)
    }
}

/// The settings with which something keeps nobody out any more, if there are any that do no harm.
fn edit(
    settings: &ConnectorSettings,
    hindrance: &Hindrance,
    name_of: &dyn Fn(&ExternalId) -> String,
    has_account: &dyn Fn(&ExternalId) -> bool,
) -> Option<Edit> {
    let mut edited = settings.clone();
    let (words, flag) = match hindrance {
        Hindrance::Row(Dismissal { target, value, .. }) => {
            let lenient = value.is_some();
            edit_row(&mut edited, target, lenient)?;
            let words = if lenient {
                format!("let the row of {target} go on \"otherwise untransformed\"")
            } else {
                format!("take the row of {target} away")
            };
            (words, "map")
        }
        Hindrance::SwitchedOff { .. } => {
            edit_row(&mut edited, &Attribute::Active, false)?;
            ("take the row of active away".to_owned(), "map")
        }
        Hindrance::GroupNames(_) => {
            edited.groups.unmatched = UnmatchedGroups::Untransformed;
            (
                "let groups whose name no transformation applies to keep it".to_owned(),
                "unmatched-groups",
            )
        }
        Hindrance::Standing { words, is_known: _ } => {
            let row = status::ROWS.iter().find(|it| it.words == &**words)?;
            let typed = format!("{} = activate", row.word);
            let is_other = |it: &String| {
                let others = status::StatusTable::parse(std::slice::from_ref(it));
                others.is_ok_and(|table| table.action(row) == row.default)
            };
            edited.source.statuses.retain(is_other);
            edited.source.statuses.push(typed);
            (format!("let the status {} activate", row.word), "status")
        }
        Hindrance::NotWanted => {
            edited.leavers.create_if.clear();
            ("take the expression for new accounts away".to_owned(), "create-if")
        }
        Hindrance::SharesUsername { username: _, with } => {
            let numbers = with.iter().map(|it| it.as_str().parse::<u64>());
            let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().ok()?;
            if NAMED_MAX < numbers.len() {
                return None;
            }
            let conditions = numbers.iter().map(|id| format!("id != {id}"));
            edited.source.scope.conditions.extend(conditions);
            let leavers = match (with.iter().any(has_account), with.as_slice()) {
                (false, _) => "",
                (true, [_]) => ", who has an account and would be a leaver then",
                (true, _) => ", who would be leavers then where they have an account",
            };
            (format!("leave {} out{leavers}", named(with, " and ", name_of)), "where")
        }
        Hindrance::Protected { by } => {
            edited.leavers.protected.retain(|it| *it.trim() != **by);
            (format!("take \"{by}\" off the people who are never changed"), "protect")
        }
        Hindrance::UsernameTaken { .. } => return None,
    };
    (edited != *settings).then_some(Edit { words, flag, settings: edited })
}

/// Takes a row away, or what leaves people out of it.
fn edit_row(settings: &mut ConnectorSettings, target: &Attribute, lenient: bool) -> Option<()> {
    let rules = settings.mapping.rules().ok()?;
    let row = rules.rows().iter().find(|it| it.target == *target)?;
    let at = settings.mapping.rows.iter().position(|it| it.trim() == row.to_string())?;
    if lenient {
        row.untransformed().clone_into(settings.mapping.rows.get_mut(at)?);
    } else {
        settings.mapping.rows.remove(at);
    }
    Some(())
}

/// What is to be done besides for somebody who is out of scope.
fn words_besides(
    hindrance: &Hindrance,
    settings: &ConnectorSettings,
    name_of: &dyn Fn(&ExternalId) -> String,
) -> String {
    let at_source = words_at_source(hindrance, settings, name_of);
    let of_settings =
        || edit(settings, hindrance, name_of, &|_| false).map(|it| it.words(settings));
    at_source.or_else(of_settings).unwrap_or_default()
}

/// None where nothing there would help.
fn words_at_source(
    hindrance: &Hindrance,
    settings: &ConnectorSettings,
    name_of: &dyn Fn(&ExternalId) -> String,
) -> Option<String> {
    Some(match hindrance {
        Hindrance::Protected { .. } => return None,
        Hindrance::Row(Dismissal { target, sources, value }) => match value.as_deref() {
            None => format!("change in OneLogin why the row of {target} drops them: {sources}"),
            Some("") => format!("give them a value of {sources} in OneLogin"),
            Some(value) => format!(
                "give them a value of {sources} in OneLogin to which the row of {target} applies, instead of {value:?}"
            ),
        },
        Hindrance::SwitchedOff { sources } => {
            format!("change {sources} in OneLogin, by which the row of active says no")
        }
        Hindrance::GroupNames(origins) => {
            format!("take them out of {} in OneLogin", origins.join(" and "))
        }
        Hindrance::Standing { words, is_known: _ } => {
            format!("make them active in OneLogin, where they are {words}")
        }
        Hindrance::NotWanted => format!(
            "make it so in OneLogin that the expression for new accounts says yes: {}",
            settings.leavers.create_if.trim()
        ),
        Hindrance::SharesUsername { username, with } => match with.as_slice() {
            [one] => format!(
                "rename one of the two in OneLogin, them or {} (#{one}): both are {username}",
                name_of(one)
            ),
            several => format!(
                "rename all but one of them and {} in OneLogin: all are {username}",
                named(several, ", ", name_of)
            ),
        },
        Hindrance::UsernameTaken { by } => {
            let state = if by.active { "active" } else { "inactive" };
            format!(
                "give them another username in OneLogin than {}, which the {state} account of #{} has",
                by.username,
                by.source_id()
            )
        }
    })
}

/// `ada (#12), bob (#13) and 5 more`
fn named(ids: &[ExternalId], between: &str, name_of: &dyn Fn(&ExternalId) -> String) -> String {
    let names = ids.iter().take(NAMED_MAX).map(|it| format!("{} (#{it})", name_of(it)));
    let mut text = names.collect::<Vec<_>>().join(between);
    if let more @ 1.. = ids.len().saturating_sub(NAMED_MAX) {
        text = format!("{text} and {more} more");
    }
    text
}
