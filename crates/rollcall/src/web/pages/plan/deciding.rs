//! What an approver decides over a plan: which changes, whether they pass, and why.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use reconcile::figure::counted;

use super::view::view;
use super::{Asked, find, order};
use crate::plans::decide::{self, Choice, DecideError, Decision, RULES_TRIED};
use crate::run::{Ready, Task};
use crate::store::accounts::Role;
use crate::store::plans::changes;
use crate::store::plans::{Plan, PlanId, PlanKind};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::pages::connector::draft::ErrorLine;
use crate::web::pages::run;
use crate::web::refusal::Refusal;
use crate::web::status;
use crate::web::visit::{Visit, see_other};

/// What somebody is about to decide: it outlives a mistake.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// As the form names it; empty where nothing was chosen yet.
    pub which: String,
    pub ticked: BTreeSet<i64>,
    pub cause: i64,
    pub form: Typed,
}

/// So many changes at once ask for the password again.
const PROVED_FROM: usize = 100;

/// Another part of the plan, or the same in another theme, with what was ticked and typed so far.
/// Nothing is decided.
pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<i64>, form: Form) -> Answer {
    let plan = find(&app, id).await?;
    let (before, next) = (Asked::shown_by(&form), Asked::shown_next(&form));
    let draft = Draft::of(&form).unsettled(&before);
    if draft.is_empty() && !form.is_only_shown() {
        return Ok(see_other(&next.address(plan.id, next.after)));
    }
    answer::html(&view(&app, &visit, &plan, next, draft).await?)
}

/// Lets changes pass that were seen.
pub async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let here = format!("/plans/{id}");
    let chosen = choice(&mut form)?;
    let reason = form.reason("reason");
    let plan = find(&app, id).await?;
    let Some(choice) = chosen.filter(|_| !form.is_wrong()) else {
        return again(&app, &visit, &plan, &form).await;
    };
    if PROVED_FROM < chosen_at_most(&app, &plan, &choice).await? {
        let changes = counted(meant(&app, &plan, &choice).await?, "change", "changes");
        visit.prove_to(&format!("Approve {changes} of plan {id}"), &here)?;
    }
    let actor = visit.actor();
    let act = visit.act(&actor).because(&reason);
    let decided = decide::approve(app.db(), PlanId(id), &choice, &act).await;
    let decision = decided.map_err(|it| refused(it, id))?;
    let approved = counted(decision.chosen, "change is approved", "changes are approved");
    if form.checked("run") && decision.kind == PlanKind::Held && visit.may(Role::Operator) {
        let started = run_now(&app, &visit, &plan, reason).await;
        // What was decided stays decided, and whoever decided is told so.
        if let Err(Refusal::Conflict(why) | Refusal::ConflictAt { sentence: why, .. }) = &started {
            let sentence = format!("The plan is approved, but no run was started. {why}");
            return Ok(visit.told(status::Role::Warning, &sentence, &here));
        }
        return started;
    }
    let sentence = match decision.chosen {
        0 => "The plan is approved. The next run asks for whoever is missing.".to_owned(),
        _ => format!("{approved}. The next run makes what it still plans of them."),
    };
    let sentence = match decision.left {
        0 => sentence,
        left => {
            let left = counted(left, "change still waits", "changes still wait");
            format!("{sentence} {left} for a decision.")
        }
    };
    let stuck = decision.stuck_words().map(|it| format!(" {it}")).unwrap_or_default();
    Ok(visit.done(with_rules(format!("{sentence}{stuck}"), &decision), &here))
}

/// Runs the connector of a plan.
async fn run_now(app: &App, visit: &Visit, plan: &Plan, reason: String) -> Answer {
    let ready = Ready::open(&app.engine, plan.connector_name.as_str()).await?;
    run::started(app, visit, ready, &order(visit, Task::Sync, reason)).await
}

/// Says no to changes that were seen.
pub async fn reject(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let chosen = choice(&mut form)?;
    let reason = form.reason("reason");
    let days = form.optional("days");
    let lasts = match days.parse::<i64>() {
        _ if days.is_empty() => None,
        Ok(days @ 1..=3_650) => Some(jiff::SignedDuration::from_hours(24 * days)),
        Ok(_) | Err(_) => {
            form.error("days", "Type a whole number from 1 to 3650, or nothing.");
            None
        }
    };
    let Some(choice) = chosen.filter(|_| !form.is_wrong()) else {
        let plan = find(&app, id).await?;
        return again(&app, &visit, &plan, &form).await;
    };
    let actor = visit.actor();
    let act = visit.act(&actor).because(&reason);
    let decided = decide::reject(app.db(), PlanId(id), &choice, lasts, &act).await;
    let decision = decided.map_err(|it| refused(it, id))?;
    let rejected = counted(decision.chosen, "change is rejected", "changes are rejected");
    let sentence = format!(
        "{rejected}. They come again only if the source says something else of the person, \
         or after {}.",
        decision.until.strftime("%-d %b %Y")
    );
    Ok(visit.done(with_rules(sentence, &decision), &format!("/plans/{id}")))
}

fn with_rules(sentence: String, decision: &Decision) -> String {
    if decision.tries_rules { format!("{sentence} {RULES_TRIED}") } else { sentence }
}

/// The page once more, with what was typed and what is wrong with it.
async fn again(app: &App, visit: &Visit, plan: &Plan, form: &Form) -> Answer {
    let asked = Asked::shown_by(form);
    answer::html_again(&view(app, visit, plan, asked, Draft::of(form)).await?)
}

/// What a form says of which changes; none where that is wrong at its field, or where the form says two
/// things at once: whoever ticks two changes and sends *everything* has seen something else than what
/// would happen. What is no form of ours is refused: with less than what was sent, something else would
/// be decided.
fn choice(form: &mut Form) -> Result<Option<Choice>, Refusal> {
    let unclear = || {
        let sentence = "It is not clear which changes are meant. Nothing was decided.";
        Refusal::BadRequest(sentence.to_owned())
    };
    let numbers = |name: &str| -> Result<Vec<i64>, Refusal> {
        form.all(name).map(|it| it.parse().map_err(|_| unclear())).collect()
    };
    let ticked = numbers("seq")?;
    let cause = match form.raw("cause") {
        "" => None,
        cause => Some(cause.parse().map_err(|_| unclear())?),
    };
    let chosen = match form.raw("which") {
        "" => Err("Choose which changes."),
        "all" | "cause" if !ticked.is_empty() => Err(
            "Changes are ticked, and more than these was chosen. Choose “Only what is ticked above”, or \
             take the ticks away.",
        ),
        "all" if Asked::shown_by(form).is_narrowed() => Err(
            "Everything was chosen, and only a part of it was listed. Choose one cause, or tick changes. \
             To decide over everything, list everything that waits.",
        ),
        "all" if cause.is_some() => Err(
            "A cause was picked, and everything was chosen. Choose “Everything of one cause”, or pick no \
             cause.",
        ),
        "all" => Ok(Choice::default()),
        // On a part of the list, what is ticked on another would be decided as well.
        "others" if !form.has("whole") => {
            Err("Only where everything that waits is listed on one page.")
        }
        "ticked" | "others" if ticked.is_empty() => Err("No change is ticked."),
        "ticked" => Ok(Choice { only: ticked, ..Choice::default() }),
        "others" => Ok(Choice { except: ticked, ..Choice::default() }),
        "cause" if !form.has("cause") => return Err(unclear()),
        "cause" if cause.is_none() => Err("Pick a cause."),
        "cause" => Ok(Choice { cause, ..Choice::default() }),
        _ => return Err(unclear()),
    };
    Ok(match chosen {
        Ok(choice) => Some(choice),
        Err(sentence) => {
            form.error("which", sentence);
            None
        }
    })
}

/// No fewer changes than a choice comes to.
async fn chosen_at_most(app: &App, plan: &Plan, choice: &Choice) -> Result<usize, Refusal> {
    if !choice.only.is_empty() {
        return Ok(choice.only.len());
    }
    let counts = changes::counts(app.db(), plan.id).await?;
    let held: u64 =
        counts.iter().filter(|((verdict, ..), _)| verdict == "held").map(|(_, it)| it).sum();
    Ok(usize::try_from(held).unwrap_or(usize::MAX))
}

/// How many changes a choice comes to, as things are.
async fn meant(app: &App, plan: &Plan, choice: &Choice) -> Result<usize, Refusal> {
    if !choice.only.is_empty() {
        return Ok(choice.only.len());
    }
    let by_cause = changes::waiting_by_cause(app.db(), plan.id).await?;
    let waiting: u64 = match choice.cause {
        Some(cause) => by_cause.get(&cause).copied().unwrap_or(0),
        None => by_cause.values().sum(),
    };
    Ok(usize::try_from(waiting).unwrap_or(usize::MAX).saturating_sub(choice.except.len()))
}

/// Why nothing was decided, with the way back to the plan.
fn refused(error: DecideError, plan: i64) -> Refusal {
    Refusal::from(error).or_see(format!("/plans/{plan}"), format!("Go to plan {plan}"))
}

impl Draft {
    fn of(form: &Form) -> Draft {
        Draft {
            which: form.raw("which").to_owned(),
            ticked: form.all("seq").filter_map(|it| it.parse().ok()).collect(),
            cause: form.raw("cause").parse().unwrap_or(0),
            form: form.typed(),
        }
    }

    /// Without what was chosen only because the page had chosen it, so that another part of the plan
    /// chooses anew.
    #[must_use]
    fn unsettled(mut self, shown: &Asked) -> Draft {
        let untouched = Draft { which: String::new(), ..self.clone() }.settled(shown);
        if self.cause == shown.cause {
            self.cause = 0;
        }
        if self.which == untouched.which {
            self.which.clear();
        }
        self
    }

    /// As fields of a form, to go along where they are not shown.
    pub fn carried(&self) -> Vec<(&'static str, String)> {
        let cause = if self.cause == 0 { String::new() } else { self.cause.to_string() };
        let [reason, days] = ["reason", "days"].map(|it| self.form.value(it).to_owned());
        let run = if self.form.checked("run") { "on".to_owned() } else { String::new() };
        let typed = [
            ("which", self.which.clone()),
            ("cause", cause),
            ("reason", reason),
            ("days", days),
            ("run", run),
        ];
        let typed = typed.into_iter().filter(|(_, value)| !value.is_empty());
        self.ticked.iter().map(|it| ("seq", it.to_string())).chain(typed).collect()
    }

    /// Whether nothing was ticked, chosen or typed.
    fn is_empty(&self) -> bool {
        let is_typed = ["reason", "days"].iter().any(|it| !self.form.value(it).trim().is_empty());
        self.which.is_empty()
            && self.ticked.is_empty()
            && self.cause == 0
            && !is_typed
            && !self.form.checked("run")
    }

    /// With something chosen where nothing was, or where that was refused: never more than what is
    /// ticked, or else listed.
    #[must_use]
    pub fn settled(mut self, asked: &Asked) -> Draft {
        if self.cause == 0 {
            self.cause = asked.cause;
        }
        let is_more = !self.ticked.is_empty() || asked.is_narrowed();
        let is_too_much = match &*self.which {
            "all" => is_more,
            "cause" => !self.ticked.is_empty(),
            _ => false,
        };
        if self.which.is_empty() || is_too_much {
            let is_one_cause = asked.cause != 0 && !asked.is_narrowed_beside_its_cause();
            let which = match (self.ticked.is_empty(), is_one_cause) {
                (true, true) => "cause",
                (true, false) if !is_more => "all",
                (true | false, _) => "ticked",
            };
            which.clone_into(&mut self.which);
        }
        self
    }

    /// Which changes are chosen and why, as flags of a command. Capital letters stand for what is missing.
    pub fn flags(&self) -> String {
        let numbers: Vec<String> = self.ticked.iter().map(ToString::to_string).collect();
        let numbers = if numbers.is_empty() { "NUMBERS".to_owned() } else { numbers.join(",") };
        let which = match (&*self.which, self.cause) {
            ("ticked", _) => format!(" --only {numbers}"),
            ("others", _) => format!(" --except {numbers}"),
            ("cause", 0) => " --cause NUMBER".to_owned(),
            ("cause", cause) => format!(" --cause {cause}"),
            _ => String::new(),
        };
        let reason = match self.form.value("reason").trim() {
            "" => "WHY".to_owned(),
            reason => reason.replace('\'', r"'\''"),
        };
        format!("{which} --reason '{reason}'")
    }

    /// Whether everything of one cause was chosen, and no cause.
    pub fn lacks_its_cause(&self) -> bool {
        self.is("cause") && self.cause == 0 && !self.form.wrong("which").is_empty()
    }

    /// What is wrong, in the order of the fields.
    pub fn error_lines(&self) -> Vec<ErrorLine> {
        let (which, of_which) =
            if self.lacks_its_cause() { ("#cause", "Cause") } else { ("#which", "Which") };
        [
            ("which", which, of_which),
            ("reason", "#reason", "Reason"),
            ("days", "#days", "A rejection lasts"),
        ]
        .into_iter()
        .filter(|(field, ..)| !self.form.wrong(field).is_empty())
        .map(|(field, href, label)| ErrorLine {
            href: href.to_owned(),
            label: label.to_owned(),
            why: self.form.wrong(field).to_owned(),
        })
        .collect()
    }

    /// Whether this is chosen of what can be.
    pub fn is(&self, which: &str) -> bool {
        self.which == which
    }
}

impl From<DecideError> for Refusal {
    fn from(error: DecideError) -> Refusal {
        match error {
            DecideError::Store(error) => error.into(),
            DecideError::Unknown(_) => Refusal::NotFound(error.to_string()),
            DecideError::NoReason
            | DecideError::LongReason
            | DecideError::Nothing { .. }
            | DecideError::NothingToReject { .. } => Refusal::BadRequest(error.to_string()),
            DecideError::Closed { .. }
            | DecideError::OtherRules { .. }
            | DecideError::Decided { .. }
            | DecideError::NotHeld { .. }
            | DecideError::NoCause { .. }
            | DecideError::HoldsNothing { .. }
            | DecideError::Empty => Refusal::Conflict(error.to_string()),
        }
    }
}
