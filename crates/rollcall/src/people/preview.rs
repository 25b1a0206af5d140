//! "Predicted effect of unsaved rules": the last read, gone through with other settings.
//!
//! Scope, mapping, plan and gate are those of a run, so the prediction is what a run would do if the
//! source has not changed since. No call is made and nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;

use jiff::Timestamp;
use reconcile::figure::counted;
use reconcile::finding::Finding;
use reconcile::mapping::existing::Existing;
use reconcile::plan::Step;
use reconcile::principal::{ExternalId, Name};

use super::{PeopleError, Stored, actuals, last_read, retold};
use crate::source::onelogin::replay::headcount::HeadCount;
use crate::source::onelogin::replay::{Replay, Retold};
use crate::store::connectors::Connector;
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::runs::report::Report;
use crate::store::runs::{self, Run, RunId};
use crate::store::targets::Target;
use crate::store::{Db, plans};
use crate::sync::rulings::Rulings;
use crate::sync::{self, Basis, Mapped, TargetDecision, report};
use crate::target::Actual;

/// So many runs are looked through for what one costs.
const RUNS_LOOKED_AT: u32 = 25;

/// What would happen, beside what would happen with the settings as they are saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// None where it was read for a simulation.
    pub run: Option<RunId>,
    pub read_at: Timestamp,
    pub people: usize,
    pub in_scope: usize,
    /// People who take part by these settings and not by the saved ones, and the other way round.
    pub coming: Few,
    pub leaving: Few,
    pub withheld: usize,
    /// How many findings there are of each kind.
    pub findings: BTreeMap<&'static str, usize>,
    pub targets: Vec<TargetPreview>,
    /// What the stored read cannot tell, in sentences.
    pub unanswered: Vec<String>,
}

/// What a kept read tells of some settings.
#[derive(Debug)]
pub struct Told {
    pub scope: ScopePreview,
    /// An error where these settings and this read do not go together, as where a required group is
    /// not there.
    pub preview: Result<Preview, PeopleError>,
}

/// The required and excluded groups, and what reading them costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopePreview {
    pub groups: Vec<HeadCount>,
    /// Whether everybody was read. If not, groups may have more people than are counted.
    pub is_whole: bool,
    /// About how many API calls a run takes, and how many it would take without required groups;
    /// nothing where the read cannot tell.
    pub calls: Option<(usize, usize)>,
    /// How many the last run of everybody made besides, as for its token and the names of groups;
    /// nothing where there was none. With its settings a run takes as many as that one did.
    pub calls_besides: Option<usize>,
    /// How many a command makes besides: it remembers neither a token nor the names of groups.
    pub calls_anew: usize,
}

/// Some people: how many, and a few of them by username.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Few {
    pub count: usize,
    pub examples: Vec<String>,
}

/// The effect on one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPreview {
    /// None where the connector has no target yet.
    pub target: Option<Name>,
    pub users_before: usize,
    pub kinds: Vec<Kind>,
    /// Why something would be held.
    pub objections: Vec<String>,
    /// How many changes would be left alone because somebody rejected them.
    pub rejected: usize,
    /// People who would be asked for by id, and of whom the stored read knows nothing.
    pub unasked: usize,
    /// People who would be missing, and not asked for because there are too many of them.
    pub missing: usize,
}

impl TargetPreview {
    /// What becomes of so many missing people; nothing where there are none.
    pub fn about_missing(&self) -> Option<String> {
        let who = match self.missing {
            0 => return None,
            1 => "1 account would be missing, which is".to_owned(),
            many => format!("{many} accounts would be missing, which are"),
        };
        Some(format!(
            "{who} too many to be asked for by id: the run would be held, and nothing taken from anybody \
             until somebody approves it."
        ))
    }
}

/// The changes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub word: &'static str,
    pub passing: usize,
    pub held: usize,
    /// How many there would be with the saved settings, those that are held among them.
    pub saved: usize,
    pub saved_held: usize,
    /// A few of them, each with its reason.
    pub examples: Vec<String>,
}

/// What a run would decide on a stored read.
struct Weighed {
    reading: sync::Reading,
    withheld: usize,
    findings: Vec<Finding>,
    targets: Vec<TargetDecision>,
    /// How many people could not be asked for, by target.
    unasked: Vec<usize>,
    takes_part: BTreeSet<ExternalId>,
    unread: Option<String>,
}

const EXAMPLES_MAX: usize = 5;

/// What a run with these settings would do, by the last read of the connector.
pub async fn preview(
    db: &Db,
    connector: &Connector,
    targets: &[Target],
    settings: &ConnectorSettings,
) -> Result<Told, PeopleError> {
    settings.check()?;
    let (stored, actuals) = tokio::try_join!(last_read(db, connector), actuals(db, targets))?;
    let tried = plans::tried(db, connector.id).await?;
    let Stored { run, read_at, replay } = stored;
    let page_size = page_size(db, run).await?;
    let last = cost_of_last_run(db, connector).await?;
    let (saved, unsaved) = (connector.settings.clone(), settings.clone());
    let done = tokio::task::spawn_blocking(move || {
        let scope = scope(&replay, &unsaved, page_size, last.as_ref());
        // Each takes a second where there are a hundred thousand people. Where nothing is edited, or
        // the saved settings cannot be used, there is nothing to compare.
        let weigh = |settings| weigh(&replay, settings, tried.as_deref(), &actuals);
        let (weighed, before) = std::thread::scope(|threads| {
            let before = (saved != unsaved).then(|| threads.spawn(|| weigh(&saved)));
            let weighed = weigh(&unsaved);
            let before = before.map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)));
            (weighed, before.and_then(Result::ok))
        });
        let preview = weighed.map(|weighed| {
            let names = |ids: &mut dyn Iterator<Item = &ExternalId>| some(&replay, ids);
            Preview { run, read_at, ..compare(&weighed, before.as_ref(), &names) }
        });
        Told { scope, preview }
    });
    done.await.map_err(|_| PeopleError::Broken)
}

/// How many people would take part by these settings, and of how many, by the last read that is kept.
/// Nothing where none is, or where it cannot tell.
pub async fn head_count(
    db: &Db,
    connector: &Connector,
    settings: &ConnectorSettings,
) -> Result<Option<(usize, usize)>, PeopleError> {
    let stored = match last_read(db, connector).await {
        Ok(stored) => stored,
        Err(PeopleError::NoRead { .. } | PeopleError::Replay(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let settings = settings.clone();
    let count = move || {
        let retold = retold(&stored.replay, &settings).ok()?;
        // Of whom nothing was read nobody is counted.
        let read = retold.read().ok().filter(|_| retold.unread().is_none())?;
        Some((read.records.len() + read.unreadable.len(), read.seen))
    };
    tokio::task::spawn_blocking(count).await.map_err(|_| PeopleError::Broken)
}

/// By how many people a page the run of a read was answered.
async fn page_size(db: &Db, run: Option<RunId>) -> Result<Option<usize>, PeopleError> {
    let Some(run) = run else { return Ok(None) };
    let found = runs::find(db, run).await?;
    let proof = found.and_then(|it| Report::read(&it.report).source).map(|it| it.proof);
    Ok(proof.and_then(|it| usize::try_from(it.page_size).ok()))
}

/// The settings of the last run that read everybody in scope, and how many calls it made.
async fn cost_of_last_run(
    db: &Db,
    connector: &Connector,
) -> Result<Option<(ConnectorSettings, u64)>, PeopleError> {
    let last = runs::list(db, Some(connector.id), RUNS_LOOKED_AT).await?;
    let cost = |run: &Run| {
        let calls = Report::read(&run.report).calls;
        // Only a read of everybody in scope is predicted.
        calls.predicted?;
        Some((serde_json::from_str(&run.settings).ok()?, calls.total))
    };
    Ok(last.iter().find_map(cost))
}

fn scope(
    replay: &Replay,
    settings: &ConnectorSettings,
    page_size: Option<usize>,
    last: Option<&(ConnectorSettings, u64)>,
) -> ScopePreview {
    let besides = |(settings, total): &(ConnectorSettings, u64)| {
        let (calls, _) = retold(replay, settings).ok()?.calls(page_size)?;
        Some(usize::try_from(*total).ok()?.saturating_sub(calls))
    };
    let calls_besides = last.and_then(besides);
    let retold = retold(replay, settings).ok();
    ScopePreview {
        groups: replay.head_counts(&settings.source),
        is_whole: replay.is_whole(),
        calls: retold.as_ref().and_then(|it| it.calls(page_size)),
        calls_besides,
        calls_anew: retold.as_ref().map_or(0, Retold::calls_anew),
    }
}

fn weigh(
    replay: &Replay,
    settings: &ConnectorSettings,
    tried: Option<&str>,
    actuals: &[(Option<Target>, Actual)],
) -> Result<Weighed, PeopleError> {
    let retold = retold(replay, settings)?;
    let existing = Existing::of(actuals.iter().map(|(_, actual)| &actual.directory));
    let Mapped { reading, desired, findings } = sync::map(retold.read()?, settings, &existing)?;
    let rulings = Rulings::by(settings, tried)?;
    let (missing, missing_unasked) = sync::missing(&desired, actuals, &rulings);
    let gone = sync::answers(&missing, &existing, |ids| retold.absences(ids));
    let withheld = desired.withheld.len();
    let is_untold = |actual: &Actual| {
        let accounts = &actual.directory.users;
        missing.iter().filter(|id| !gone.contains_key(*id) && accounts.contains_key(*id)).count()
    };
    let unasked = actuals.iter().map(|(_, actual)| is_untold(actual)).collect();
    let basis = Basis::of(desired, gone);
    let weighed = actuals.iter().zip(missing_unasked);
    let targets = weighed.map(|((target, actual), missing_unasked)| {
        sync::weigh(&basis, target.clone(), actual, missing_unasked, &rulings)
    });
    Ok(Weighed {
        targets: targets.collect(),
        takes_part: retold.takes_part(),
        unread: retold.unread(),
        reading,
        withheld,
        findings,
        unasked,
    })
}

type Names<'a> = &'a dyn Fn(&mut dyn Iterator<Item = &ExternalId>) -> Few;

fn compare(weighed: &Weighed, saved: Option<&Weighed>, names: Names<'_>) -> Preview {
    let Weighed { reading, withheld, findings, targets, unasked, takes_part, unread } = weighed;
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    for finding in findings.iter().chain(targets.iter().flat_map(|it| &it.findings)) {
        *kinds.entry(finding.kind.word()).or_default() += 1;
    }
    let before = saved.map_or(takes_part, |it| &it.takes_part);
    let of_saved = |at: usize| match saved {
        Some(saved) => saved.targets.get(at),
        None => targets.get(at),
    };
    let decisions = targets.iter().zip(unasked).enumerate();
    let previews: Vec<TargetPreview> = decisions
        .map(|(at, (decision, unasked))| target_preview(decision, of_saved(at), *unasked))
        .collect();
    let unasked: usize = previews.iter().map(|it| it.unasked).max().unwrap_or_default();
    let unknown = (0 < unasked).then(|| {
        let people = counted(unasked, "person", "people");
        format!(
            "A run would ask OneLogin for {people} by id whom the stored read does not tell of; here they keep everything."
        )
    });
    Preview {
        run: None,
        read_at: Timestamp::UNIX_EPOCH,
        people: reading.seen,
        in_scope: reading.in_scope,
        coming: names(&mut takes_part.difference(before)),
        leaving: names(&mut before.difference(takes_part)),
        withheld: *withheld,
        findings: kinds,
        targets: previews,
        unanswered: unread.iter().cloned().chain(unknown).collect(),
    }
}

fn some(replay: &Replay, ids: &mut dyn Iterator<Item = &ExternalId>) -> Few {
    let mut some = Few::default();
    for id in ids {
        some.count += 1;
        if some.examples.len() < EXAMPLES_MAX {
            some.examples.push(replay.name_of(id));
        }
    }
    some
}

fn target_preview(
    decision: &TargetDecision,
    saved: Option<&TargetDecision>,
    unasked: usize,
) -> TargetPreview {
    let passing = report::counts(decision.approved.steps());
    let held = report::counts(&decision.held.steps);
    let all = |it: &TargetDecision| {
        let mut all = report::counts(it.approved.steps());
        for (word, count) in report::counts(&it.held.steps) {
            *all.entry(word).or_default() += count;
        }
        all
    };
    let saved_held = saved.map(|it| report::counts(&it.held.steps)).unwrap_or_default();
    let saved = saved.map(all).unwrap_or_default();
    let words: BTreeSet<&'static str> =
        passing.keys().chain(held.keys()).chain(saved.keys()).copied().collect();
    let count = |of: &BTreeMap<&'static str, usize>, word| of.get(word).copied().unwrap_or(0);
    let kind = |word: &'static str| {
        let is_it = |step: &&Step| step.change.word() == word;
        let steps = decision.approved.steps().iter().chain(&decision.held.steps).filter(is_it);
        let told = steps.take(EXAMPLES_MAX).map(|it| format!("{} ({})", it.change, it.reason));
        Kind {
            word,
            passing: count(&passing, word),
            held: count(&held, word),
            saved: count(&saved, word),
            saved_held: count(&saved_held, word),
            examples: told.collect(),
        }
    };
    TargetPreview {
        target: decision.target.as_ref().map(|it| it.name.clone()),
        users_before: decision.users_before,
        kinds: words.into_iter().map(kind).collect(),
        objections: decision.held.objections.iter().map(ToString::to_string).collect(),
        rejected: decision.held.rejected.len(),
        unasked,
        missing: decision.missing_unasked.len(),
    }
}
