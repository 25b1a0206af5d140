//! The page of a plan: what it shows of the plan, and what can be done there.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;

use super::Asked;
use super::applying::{self, Applying};
use super::deciding::Draft;
use crate::notation::shell_word;
use crate::store::accounts::Role;
use crate::store::connectors;
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::plans::changes::{self, PlanChange};
use crate::store::plans::{self, Plan, PlanId, PlanKind, PlanStatus, Remainder, StoredCause};
use crate::store::runs;
use crate::store::runs::person::{self, Difference};
use crate::store::runs::report::{Report, Source};
use crate::store::targets::{self, Target};
use crate::sync::seen::plan_as_seen;
use crate::web::App;
use crate::web::moment::count;
use crate::web::page::Page;
use crate::web::pages::connector::draft::ErrorLine;
use crate::web::pages::plans::{Row, row};
use crate::web::pages::run;
use crate::web::pages::runs::{Choice, field_choices, spoken};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "plan.html")]
#[expect(clippy::struct_excessive_bools, reason = "a template asks for each by its name")]
pub(super) struct View {
    page: Page,
    plan: Row,
    here: String,
    decided: String,
    reason: String,
    objections: Vec<String>,
    /// Where the limits are set that they speak of.
    limits: String,
    /// How many changes are left alone because somebody rejected them.
    rejected: u64,
    causes: Vec<CauseView>,
    tiles: Vec<Tile>,
    tab: Tab,
    tabs: Vec<TabView>,
    changes: Vec<ChangeView>,
    findings: Vec<FindingView>,
    source: Option<Source>,
    asked: Asked,
    /// The targets to choose from; none where there is one.
    targets: Vec<Choice>,
    /// The fields that its changes alter, to choose from.
    fields: Vec<Choice>,
    /// Where more rows of the list are; empty where there are none.
    next: String,
    /// The first rows of the list; empty where they are shown.
    first: String,
    /// Whether anything may be missing in the list.
    is_filtered: bool,
    /// Where every change is listed, and what is held alone; empty where that is shown.
    everything: String,
    held: String,
    /// How many changes there are, and how many of them are held.
    changes_count: u64,
    held_count: u64,
    /// How many changes wait for a decision.
    waiting: u64,
    /// What the button says that applies the plan; absent where it cannot be.
    apply: Option<Applying>,
    /// When somebody decided over what is shown; the button carries it.
    seen: String,
    may_decide: bool,
    /// Whether the form to decide is on the page.
    decides: bool,
    /// The address of the first rows of what is shown.
    first_shown: String,
    /// Whether every change that waits is in the list.
    is_whole: bool,
    /// Whether less is listed than what waits, by choice: then nobody decides over everything.
    is_narrowed: bool,
    /// The choice of all that waits, with how much that is.
    all_words: String,
    /// What is ticked and not in the list.
    elsewhere: Vec<i64>,
    /// The address of what is shown; the form carries it, to be shown there again.
    shown: String,
    draft: Draft,
    /// Rules were changed since, so nobody decides over it any more.
    is_stale: bool,
    /// What is wrong with what was typed.
    errors: Vec<ErrorLine>,
    /// What can be done here, as commands.
    commands: Vec<(&'static str, String)>,
    /// What can be decided, as commands that follow what is chosen.
    decisions: Vec<DecisionCommand>,
}

/// A decision as a command: what it is about comes after its beginning.
#[derive(Debug)]
struct DecisionCommand {
    what: &'static str,
    begin: String,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Changes,
    Findings,
    Source,
}

impl Tab {
    fn from_word(word: &str) -> Tab {
        match word {
            "findings" => Tab::Findings,
            "source" => Tab::Source,
            _ => Tab::Changes,
        }
    }
}

#[derive(Debug)]
struct TabView {
    name: &'static str,
    href: String,
    is_current: bool,
    /// How many rows are there; empty where it counts nothing.
    count: String,
}

#[derive(Debug)]
struct CauseView {
    number: i64,
    title: String,
    /// What is said of it where it is chosen.
    label: String,
    /// How many of its changes wait for a decision.
    waiting: u64,
    href: String,
    is_chosen: bool,
    /// Whether it is what somebody is about to decide over.
    is_picked: bool,
}

#[derive(Debug)]
struct Tile {
    sign: &'static str,
    count: String,
    caption: String,
    href: String,
    is_current: bool,
}

#[derive(Debug)]
struct ChangeView {
    seq: i64,
    kind: String,
    who: String,
    group: String,
    target: String,
    words: String,
    /// The change without its sign.
    what: String,
    reason: String,
    /// `held`, `approved`, `rejected` or `left-out`; empty where it passes.
    standing: &'static str,
    /// Field, before and after.
    fields: Vec<Difference>,
    may_tick: bool,
    is_ticked: bool,
}

#[derive(Debug)]
struct FindingView {
    kind: String,
    who: String,
    message: String,
}

const ROWS: usize = 100;

/// What a plan shows: a part of it, and what somebody has ticked and typed so far.
pub(super) async fn view(
    app: &App,
    visit: &Visit,
    plan: &Plan,
    asked: Asked,
    draft: Draft,
) -> Result<View, Refusal> {
    let db = app.db();
    let counts = changes::counts(db, plan.id).await?;
    let causes = plans::causes(db, plan.id).await?;
    let mut tx = db.snapshot().await?;
    let objections = plans::objections(&mut tx, plan.id).await?;
    let settings = connectors::settings_of(&mut tx, plan.connector_id).await?;
    drop(tx);
    let is_stale = settings.is_none_or(|it| fingerprint(&it) != plan.fingerprint);
    let tab = Tab::from_word(&asked.tab);
    let of = |is: &dyn Fn(&str, &str) -> bool| {
        let counted = counts.iter().filter(|((verdict, decision, _), _)| is(verdict, decision));
        counted.map(|(_, count)| count).sum::<u64>()
    };
    let waiting = of(&|verdict, decision| verdict == "held" && matches!(decision, "" | "left-out"));
    let held_count = of(&|verdict, _| verdict == "held");
    let is_decidable = plan.status.is_open() && !is_stale && 0 < waiting;
    let asked = if is_decidable && tab == Tab::Changes { asked.or_held() } else { asked };
    let draft = draft.settled(&asked);
    let may_decide = plan.status.is_open() && !is_stale && visit.may(Role::Approver);
    let by_cause = if may_decide && waiting < held_count {
        Some(changes::waiting_by_cause(db, plan.id).await?)
    } else {
        None
    };
    let Rows { changes, findings, next } =
        rows(app, plan.id, tab, &asked, (may_decide, &draft)).await?;
    let report = Report::read(&plan.report);
    let approved = of(&|verdict, decision| verdict == "held" && decision == "approved");
    let left = left(plan, Remainder { waiting, approved });
    let passing = of(&|verdict, decision| applying::passes(verdict == "held", decision));
    let can_apply = is_appliable(plan) && !is_stale && 0 < passing && visit.may(Role::Operator);
    let apply = applying::of(db, plan.id, &counts, can_apply.then_some(passing)).await?;
    let is_shrunken = objections.iter().any(|it| it.kind == "shrunken");
    // A plan of a read that was far too short has no changes yet, and is decided over as such.
    let may_decide = may_decide && (0 < waiting || (counts.is_empty() && is_shrunken));
    let here = format!("/plans/{}", plan.id);
    let is_narrowed = asked.is_narrowed();
    let is_held_only = asked.verdict == "held" && !is_narrowed;
    let is_everything = asked.verdict != "held" && !is_narrowed;
    let of_verdict = |verdict: &str| {
        Asked { verdict: verdict.to_owned(), ..Asked::default() }.address(plan.id, 0)
    };
    let shown: BTreeSet<i64> = changes.iter().map(|it| it.seq).collect();
    let page = visit.page(format!("Plan {}", plan.id));
    let decides = may_decide && tab == Tab::Changes;
    Ok(View {
        page: if may_decide { page.keeping("decide", format!("{here}/show")) } else { page },
        decides,
        targets: choices(app, plan, &asked).await?,
        fields: field_choices(changes::altered(db, plan.id).await?, &asked.field),
        first_shown: asked.address(plan.id, 0),
        here,
        decided: decided(plan, visit),
        reason: plan.reason.clone(),
        objections: objections
            .iter()
            .map(|it| report.named(it.target_name.as_deref(), &it.words))
            .collect(),
        limits: format!("/connectors/{}/sync-settings", plan.connector_id),
        rejected: report.rejected(),
        causes: causes
            .iter()
            .map(|it| cause(it, plan.id, &report, &asked, &draft, by_cause.as_ref()))
            .collect(),
        tiles: tiles(&counts, plan.id, &asked),
        tab,
        tabs: tabs(plan.id, tab, report.findings.values().sum()),
        changes,
        findings,
        source: report.source,
        first: if asked.after == 0 { String::new() } else { asked.address(plan.id, 0) },
        is_filtered: !is_everything,
        everything: if is_everything { String::new() } else { of_verdict("all") },
        held: if is_held_only || !is_decidable { String::new() } else { of_verdict("held") },
        changes_count: of(&|_, _| true),
        held_count,
        is_whole: !is_narrowed && asked.after == 0 && next.is_empty(),
        is_narrowed,
        all_words: format!("Everything that waits ({})", count(waiting)),
        elsewhere: draft.ticked.difference(&shown).copied().collect(),
        shown: asked.address(plan.id, asked.after),
        next,
        waiting,
        apply,
        seen: plan_as_seen(plan),
        may_decide,
        is_stale: is_stale && plan.status.is_open(),
        errors: draft.error_lines(),
        commands: commands(plan, can_apply),
        decisions: decisions(plan.id, &draft, may_decide, may_decide && 0 < waiting),
        plan: Row { left: left.to_string(), ..row(plan, visit) },
        asked,
        draft,
    })
}

fn tabs(plan: PlanId, current: Tab, findings: u64) -> Vec<TabView> {
    let tab = |tab: Tab, name, word: &str, count| {
        let href = Asked { tab: word.to_owned(), ..Asked::default() }.address(plan, 0);
        TabView { name, href, is_current: tab == current, count }
    };
    vec![
        tab(Tab::Changes, "Changes", "", String::new()),
        tab(Tab::Findings, "Skipped", "findings", count(findings)),
        tab(Tab::Source, "Source check", "source", String::new()),
    ]
}

/// What is left to decide or to do of a plan; nothing of one that is over.
fn left(plan: &Plan, left: Remainder) -> Remainder {
    if plan.status.is_open() { left } else { Remainder::default() }
}

fn is_appliable(plan: &Plan) -> bool {
    plan.kind == PlanKind::Simulated
        && matches!(plan.status, PlanStatus::Ready | PlanStatus::Waiting | PlanStatus::Approved)
}

/// The targets of a plan to choose from; none where there is one.
async fn choices(app: &App, plan: &Plan, asked: &Asked) -> Result<Vec<Choice>, Refusal> {
    let known = targets::of_connector(app.db(), plan.connector_id).await?;
    if known.len() < 2 {
        return Ok(Vec::new());
    }
    let choice = |target: &Target| Choice {
        value: target.id.to_string(),
        label: target.name.as_str().to_owned(),
        chosen: target.id.to_string() == asked.target,
    };
    Ok(known.iter().map(choice).collect())
}

/// The rows of one part of a plan, and where more of them are.
#[derive(Debug, Default)]
struct Rows {
    changes: Vec<ChangeView>,
    findings: Vec<FindingView>,
    next: String,
}

async fn rows(
    app: &App,
    plan: PlanId,
    tab: Tab,
    asked: &Asked,
    (may_decide, draft): (bool, &Draft),
) -> Result<Rows, Refusal> {
    let db = app.db();
    let page = runs::Page { after: asked.after, rows_max: i64::try_from(ROWS).unwrap_or(100) + 1 };
    let next = |last: i64| asked.address(plan, last);
    match tab {
        Tab::Changes => {
            let mut rows = changes::list(db, plan, &asked.filter(), page).await?;
            let has_more = ROWS < rows.len();
            rows.truncate(ROWS);
            let next = rows.last().filter(|_| has_more).map(|it| next(it.seq));
            let changes = rows.into_iter().map(|it| change(it, may_decide, draft)).collect();
            Ok(Rows { changes, next: next.unwrap_or_default(), ..Rows::default() })
        }
        Tab::Findings => {
            let mut rows = plans::findings(db, plan, page).await?;
            let has_more = ROWS < rows.len();
            rows.truncate(ROWS);
            let next = rows.last().filter(|_| has_more).map(|it| next(it.0));
            let findings = rows.into_iter().map(finding).collect();
            Ok(Rows { findings, next: next.unwrap_or_default(), ..Rows::default() })
        }
        Tab::Source => Ok(Rows::default()),
    }
}

fn decided(plan: &Plan, visit: &Visit) -> String {
    match plan.decided_at {
        Some(at) => {
            let at = crate::web::moment::Moment::new(at, visit.now());
            format!("{} decided over it {} ({}).", plan.decided_by, at.text, at.exact)
        }
        None => String::new(),
    }
}

fn cause(
    cause: &StoredCause,
    plan: PlanId,
    report: &Report,
    asked: &Asked,
    draft: &Draft,
    by_cause: Option<&BTreeMap<i64, u64>>,
) -> CauseView {
    // All of it, so that whoever decides over a cause has seen it.
    let only = Asked { cause: cause.seq, ..Asked::default() };
    let title = report.named(cause.target_name.as_deref(), &cause.title);
    let changes = cause.changes.unsigned_abs();
    let waiting = match by_cause {
        Some(waiting) => waiting.get(&cause.seq).copied().unwrap_or(0),
        None => changes,
    };
    CauseView {
        number: cause.seq,
        label: if waiting == changes {
            title.clone()
        } else {
            format!("{title} ({} still wait)", count(waiting))
        },
        title,
        waiting,
        href: only.address(plan, 0),
        is_chosen: asked.cause == cause.seq,
        is_picked: cause.seq == draft.cause,
    }
}

pub(super) type Counts = BTreeMap<(String, String, String), u64>;

/// A count for each kind that passes, and for each that is held; each leads to its rows.
fn tiles(counts: &Counts, plan: PlanId, asked: &Asked) -> Vec<Tile> {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    // Of what is held, what somebody decided over does not wait any more.
    let mut decided: BTreeMap<&str, String> = BTreeMap::new();
    for ((verdict, decision, kind), number) in counts {
        *sums.entry((verdict, kind)).or_default() += number;
        if verdict == "held" && matches!(decision.as_str(), "approved" | "rejected") {
            let told = decided.entry(kind).or_default();
            told.extend([", ", &count(*number), " ", decision]);
        }
    }
    let tile = |((verdict, kind), number): ((&str, &str), u64)| {
        let only = Asked {
            kind: kind.to_owned(),
            verdict: verdict.to_owned(),
            cause: 0,
            tab: String::new(),
            ..asked.clone()
        };
        let is_held = verdict == "held";
        Tile {
            sign: if is_held { "!" } else { run::sign(kind) },
            count: count(number),
            caption: if is_held {
                let decided = decided.get(kind).map(String::as_str).unwrap_or_default();
                format!("{} held{decided}", spoken(kind))
            } else {
                spoken(kind)
            },
            href: only.address(plan, 0),
            is_current: asked.kind == kind && asked.verdict == verdict,
        }
    };
    // What passes first.
    let (passing, held): (Vec<_>, Vec<_>) =
        sums.into_iter().partition(|((it, _), _)| *it != "held");
    passing.into_iter().chain(held).map(tile).collect()
}

fn change(row: PlanChange, may_decide: bool, draft: &Draft) -> ChangeView {
    let standing = match row.decision.as_str() {
        "approved" => "approved",
        "rejected" => "rejected",
        "left-out" => "left-out",
        _ if row.is_held => "held",
        _ => "",
    };
    let what = beyond_the_name(&row);
    ChangeView {
        seq: row.seq,
        is_ticked: draft.ticked.contains(&row.seq),
        fields: person::differences_of(&row.before, &row.after),
        who: row.username.or(row.external_id).unwrap_or_default(),
        group: row.group.unwrap_or_default(),
        target: row.target_name.unwrap_or_default(),
        what,
        words: row.words,
        reason: row.reason,
        may_tick: may_decide && row.is_held && matches!(standing, "held" | "left-out"),
        standing,
        kind: row.kind,
    }
}

/// What the words of a change say beside its kind and whom it is about, which have columns of their own.
fn beyond_the_name(row: &PlanChange) -> String {
    let what = row.words.split_once(' ').map_or(&*row.words, |(_, what)| what);
    let rest = match (&row.username, &row.group) {
        (Some(name), _) => what.strip_prefix(name.as_str()),
        (None, Some(group)) => {
            what.strip_prefix("group ").and_then(|it| it.strip_prefix(group.as_str()))
        }
        (None, None) => None,
    };
    rest.unwrap_or(what).trim_start_matches([':', ' ']).to_owned()
}

fn finding(
    (_, kind, external_id, username, message): (
        i64,
        String,
        Option<String>,
        Option<String>,
        String,
    ),
) -> FindingView {
    FindingView { kind: spoken(&kind), who: username.or(external_id).unwrap_or_default(), message }
}

fn commands(plan: &Plan, can_apply: bool) -> Vec<(&'static str, String)> {
    let (id, connector) = (plan.id, shell_word(plan.connector_name.as_str()));
    let mut commands = vec![
        ("Show", format!("rollcall plan show {id}")),
        ("Download", format!("rollcall plan show {id} --csv")),
    ];
    if can_apply {
        commands.push(("Apply", format!("rollcall sync {connector} --plan {id}")));
    }
    commands
}

fn decisions(
    plan: PlanId,
    draft: &Draft,
    may_approve: bool,
    may_reject: bool,
) -> Vec<DecisionCommand> {
    let decision = |what, begin: String, more: String| {
        let text = format!("{begin}{}{more}", draft.flags());
        DecisionCommand { what, begin, text }
    };
    let mut decisions = Vec::new();
    if may_approve {
        let run = if draft.form.checked("run") { " --run" } else { "" };
        let begin = format!("rollcall plan approve {plan}");
        decisions.push(decision("Approve", begin, run.to_owned()));
    }
    if may_reject {
        let days = draft.form.value("days").trim();
        let until = if days.is_empty() { String::new() } else { format!(" --until {days}d") };
        decisions.push(decision("Reject", format!("rollcall plan reject {plan}"), until));
    }
    decisions
}

impl View {
    /// Whether a run or a decision is still to come.
    fn is_open(&self) -> bool {
        matches!(self.plan.status, "waiting" | "ready" | "approved")
    }

    fn held_role(&self) -> &'static str {
        if self.is_open() { "held" } else { "neutral" }
    }

    fn held_title(&self) -> &'static str {
        if self.is_open() { "Why it is held" } else { "Why it was held" }
    }

    /// Whether any change of the list stands in a way that is worth a word.
    fn has_standing(&self) -> bool {
        self.changes.iter().any(|it| !it.standing.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fields::AlteredField;
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::plans::tests::sample;

    fn view(status: &'static str, tab: Tab, may_decide: bool) -> View {
        let asked = Asked::default();
        let change = ChangeView {
            seq: 3,
            kind: "deactivate".to_owned(),
            who: HOSTILE.to_owned(),
            group: HOSTILE.to_owned(),
            target: HOSTILE.to_owned(),
            words: HOSTILE.to_owned(),
            what: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            standing: "held",
            fields: vec![Difference {
                field: HOSTILE.to_owned(),
                before: HOSTILE.to_owned(),
                after: String::new(),
            }],
            may_tick: may_decide,
            is_ticked: false,
        };
        let stored =
            StoredCause { seq: 2, target_name: None, title: HOSTILE.to_owned(), changes: 39 };
        let counts = [(("held".to_owned(), String::new(), "deactivate".to_owned()), 41)].into();
        View {
            page: samples::page("Plan 31", "/plans/31", Role::Approver),
            plan: sample(status),
            here: "/plans/31".to_owned(),
            decided: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            objections: vec![HOSTILE.to_owned()],
            limits: "/connectors/1/sync-settings".to_owned(),
            rejected: 2,
            causes: vec![cause(
                &stored,
                PlanId(31),
                &Report::default(),
                &asked,
                &Draft::default(),
                Some(&[(2, 38)].into()),
            )],
            tiles: tiles(&counts, PlanId(31), &asked),
            tab,
            tabs: tabs(PlanId(31), tab, 1),
            changes: vec![change],
            findings: vec![FindingView {
                kind: "Invalid".to_owned(),
                who: HOSTILE.to_owned(),
                message: HOSTILE.to_owned(),
            }],
            source: Some(Source::default()),
            next: "/plans/31?after=100".to_owned(),
            first: "/plans/31?".to_owned(),
            is_filtered: true,
            everything: "/plans/31?verdict=all".to_owned(),
            held: "/plans/31?verdict=held".to_owned(),
            changes_count: 50,
            held_count: 41,
            waiting: 41,
            apply: Some(Applying {
                button: "Apply and deactivate 3".to_owned(),
                question: HOSTILE.to_owned(),
            }),
            seen: String::new(),
            may_decide,
            decides: may_decide && tab == Tab::Changes,
            targets: vec![Choice {
                value: "3".to_owned(),
                label: HOSTILE.to_owned(),
                chosen: true,
            }],
            fields: field_choices(
                vec![AlteredField { field: HOSTILE.to_owned(), changes: 1_234 }],
                HOSTILE,
            ),
            first_shown: "/plans/31?".to_owned(),
            is_whole: false,
            is_narrowed: false,
            all_words: "Everything that waits (41)".to_owned(),
            elsewhere: vec![7],
            shown: "/plans/31?".to_owned(),
            draft: Draft { ticked: [7].into(), ..Draft::default() },
            is_stale: !may_decide,
            errors: vec![ErrorLine {
                href: "#reason".to_owned(),
                label: HOSTILE.to_owned(),
                why: HOSTILE.to_owned(),
            }],
            commands: vec![("Show", "rollcall plan show 31".to_owned())],
            decisions: decisions(PlanId(31), &Draft::default(), may_decide, may_decide),
            asked,
        }
    }

    #[test]
    fn a_plan_is_shown_to_whoever_may_decide_and_to_whoever_may_not() {
        let decides = check(&view("waiting", Tab::Changes, true));
        assert!(decides.contains("/plans/31/approve") && decides.contains("/plans/31/reject"));
        let looks = check(&view("waiting", Tab::Changes, false));
        assert!(!looks.contains("/plans/31/approve"), "{looks}");
        for tab in [Tab::Findings, Tab::Source] {
            check(&view("applied", tab, false));
            // What was ticked goes along.
            let decides = check(&view("waiting", tab, true));
            assert!(decides.contains("name=\"seq\" value=\"7\""), "{decides}");
        }
    }
}
