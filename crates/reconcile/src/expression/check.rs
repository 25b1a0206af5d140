//! What of an expression is wrong whoever it is asked of, found when it is saved.

use std::sync::Arc;

use minijinja::machinery::ast::{Call, CallArg, Expr, Filter, Test};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;

use super::possible::{Kind, Possible, Texts, path, positional, possible};
use super::{Answer, Expression, ExpressionError, Groups, Variables, filters, refused, scan};
use crate::mapping::transform::Transformation;
use crate::mapping::transform::notation::{USAGES, named};
use crate::pattern::Patterns;
use crate::principal::{Attributes, ExternalId, Name, User};

/// What an expression is for, where it is used.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    pub says: Says<'a>,
    /// The kinds that groups have there; none where they have no kind.
    pub kinds: &'a [&'a str],
}

/// What an expression is to say.
#[derive(Clone, Copy, Debug)]
pub enum Says<'a> {
    YesNo,
    /// One of these words, or nothing.
    OneOf(&'a [&'a str]),
    /// A text, a number, yes or no, nothing, or that somebody takes no part.
    Value,
}

impl Says<'_> {
    /// Why an answer is none that can be followed.
    pub fn objection(self, answer: &Answer) -> Option<String> {
        match (self, answer) {
            (Says::Value, _)
            | (Says::YesNo, Answer::YesNo(_))
            | (Says::OneOf(_), Answer::Nothing) => None,
            (Says::YesNo, Answer::Text(_)) => Some("it gives a text, not yes or no".to_owned()),
            (Says::YesNo, Answer::Nothing) => Some("it gives no value, not yes or no".to_owned()),
            (Says::YesNo, Answer::Drop) => {
                Some("it drops a person, where it is to say yes or no".to_owned())
            }
            (Says::OneOf(words), Answer::Text(text)) => {
                let is_known = words.contains(&text.as_str());
                (!is_known).then(|| format!("it says {text:?}, not {}", listed(words)))
            }
            (Says::OneOf(words), Answer::YesNo(_) | Answer::Drop) => {
                Some(format!("it does not say {}", listed(words)))
            }
        }
    }

    fn may_be(self, possible: &Possible) -> bool {
        match self {
            Says::YesNo => possible.has(Kind::YesNo),
            Says::OneOf(words) => {
                let is_word = match &possible.texts {
                    Texts::Any => true,
                    Texts::Only(texts) => texts.iter().any(|it| words.contains(&&**it)),
                };
                possible.has(Kind::Nothing) || is_word
            }
            Says::Value => {
                let kinds = [Kind::Text, Kind::Number, Kind::YesNo, Kind::Nothing, Kind::Drop];
                kinds.into_iter().any(|it| possible.has(it))
            }
        }
    }
}

/// `disable, delete or keep`
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

impl Expression {
    /// Whether it may say this for somebody.
    pub(crate) fn may_say(&self, answer: &Answer) -> bool {
        let Ok(parsed) = parse_expr(&self.source) else { return true };
        let possible = possible(&parsed);
        match answer {
            Answer::Text(text) => match &possible.texts {
                Texts::Any => true,
                Texts::Only(texts) => texts.contains(&**text) || possible.has(Kind::Number),
            },
            Answer::YesNo(_) => possible.has(Kind::YesNo),
            Answer::Nothing => possible.has(Kind::Nothing),
            Answer::Drop => possible.has(Kind::Drop),
        }
    }

    /// Refuses what can be right for nobody: a text within it of which no pattern and no transformation
    /// can be made, and an expression that never says what it is to say. Of whatever might be right for
    /// a single record nothing is said.
    pub fn check(&self, purpose: &Purpose<'_>) -> Result<(), ExpressionError> {
        let parsed = parse_expr(&self.source).map_err(|error| refused(&self.source, &error))?;
        check_literals(&parsed, purpose.kinds)
            .map_err(|Misfit { at, why }| scan::error(&self.source, at, why))?;
        if purpose.says.may_be(&possible(&parsed)) {
            return Ok(());
        }
        // The engine has the words for it.
        let everything = |_: &str| Some("a");
        let nothing = |_: &str| None;
        let account = Arc::new(sample());
        let groups = [Groups::named([Name::new("a")]), Groups::default()];
        let [some, none] = &groups;
        let samples = [
            Variables { text: &everything, has_user: true, existing: Some(&account), groups: some },
            Variables { text: &nothing, has_user: false, existing: None, groups: none },
        ];
        let mut first = None;
        for sample in samples {
            match self.objection(purpose.says, &sample) {
                None => return Ok(()),
                Some(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn objection(&self, says: Says<'_>, sample: &Variables<'_>) -> Option<ExpressionError> {
        let value = match self.eval(sample) {
            Ok(value) => value,
            Err(error) => return Some(refused(&self.source, &error)),
        };
        let why = match super::answer_of(&value) {
            Ok(answer) => says.objection(&answer)?,
            Err(why) => why,
        };
        Some(scan::error(&self.source, 0, why))
    }
}

fn sample() -> User {
    User {
        id: ExternalId::new("a"),
        username: Name::new("a"),
        email: "a".into(),
        display_name: "a".into(),
        first_name: "a".into(),
        last_name: "a".into(),
        active: true,
        attributes: Attributes::default(),
        source_id: None,
    }
}

/// What cannot be used, and where.
struct Misfit {
    at: usize,
    why: String,
}

/// Looks at every text that stands where a pattern, a transformation or a kind of groups is meant.
fn check_literals(expr: &Expr<'_>, kinds: &[&str]) -> Result<(), Misfit> {
    match expr {
        Expr::Filter(it) => check_filter(it, at(expr))?,
        Expr::Test(it) => check_test(it)?,
        Expr::Call(it) => check_call(it, kinds)?,
        Expr::Var(_)
        | Expr::Const(_)
        | Expr::Slice(_)
        | Expr::UnaryOp(_)
        | Expr::BinOp(_)
        | Expr::Compare(_)
        | Expr::IfExpr(_)
        | Expr::GetAttr(_)
        | Expr::GetItem(_)
        | Expr::List(_)
        | Expr::Tuple(_)
        | Expr::Map(_) => {}
    }
    parts(expr).into_iter().try_for_each(|it| check_literals(it, kinds))
}

fn at(expr: &Expr<'_>) -> usize {
    usize::try_from(expr.span().start_offset).unwrap_or(0)
}

fn misfit(at: usize, why: &str) -> Misfit {
    Misfit { at, why: why.trim_end_matches('.').to_owned() }
}

fn text_of(expr: &Expr<'_>) -> Option<String> {
    Some(expr.as_const()?.as_str()?.to_owned())
}

/// A text or a number, as the words of a transformation are.
fn word_of(expr: &Expr<'_>) -> Option<String> {
    let value = expr.as_const()?;
    let is_number = value.kind() == ValueKind::Number;
    if is_number { Some(value.to_string()) } else { value.as_str().map(str::to_owned) }
}

fn check_filter(it: &Filter<'_>, at_filter: usize) -> Result<(), Misfit> {
    let word = it.name.replace('_', "-");
    let is_transformation = USAGES.iter().any(|(name, _)| *name == word);
    let Some(args) = positional(&it.args).filter(|_| is_transformation) else { return Ok(()) };
    let at = args.first().map_or(at_filter, |it| at(it));
    if word == "map" {
        let Some(table) = args.first().and_then(|it| it.as_const()) else { return Ok(()) };
        let made = filters::table(&table, None, || Ok(()));
        return made.map(drop).map_err(|error| misfit(at, &super::why(&error)));
    }
    if word == "default" {
        return Ok(());
    }
    let texts = args.iter().map(|it| word_of(it)).collect::<Option<Vec<String>>>();
    let texts = texts.or_else(|| {
        // What takes its place makes no difference to whether something can be looked for.
        let is_replaced = word.starts_with("replace") && args.len() == 2;
        let from = args.first().filter(|_| is_replaced)?;
        Some(vec![word_of(from)?, String::new()])
    });
    let Some(texts) = texts else { return Ok(()) };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let made: Result<Transformation, String> = named(&word, &texts);
    made.map(drop).map_err(|why| misfit(at, &why))
}

fn check_test(it: &Test<'_>) -> Result<(), Misfit> {
    match positional(&it.args).as_deref() {
        Some([pattern]) if it.name == "matching" => check_pattern(pattern),
        _ => Ok(()),
    }
}

fn check_pattern(pattern: &Expr<'_>) -> Result<(), Misfit> {
    let Some(text) = text_of(pattern) else { return Ok(()) };
    let made = Patterns::parse(&[text]);
    made.map(drop).map_err(|error| misfit(at(pattern), &error.to_string()))
}

fn check_call(it: &Call<'_>, kinds: &[&str]) -> Result<(), Misfit> {
    let Some(args) = positional(&it.args) else { return Ok(()) };
    match (path(&it.expr).as_deref(), args.as_slice()) {
        (Some("groups.has"), [pattern]) => check_pattern(pattern),
        (Some("groups.has"), [pattern, kind]) => {
            check_pattern(pattern)?;
            check_kind(kind, kinds)
        }
        (Some("groups.of"), [kind]) => check_kind(kind, kinds),
        _ => Ok(()),
    }
}

fn check_kind(kind: &Expr<'_>, kinds: &[&str]) -> Result<(), Misfit> {
    let Some(text) = text_of(kind).filter(|it| !kinds.contains(&it.as_str())) else {
        return Ok(());
    };
    let why = match kinds {
        [] => "groups have no kind here; ask groups.has(name)".to_owned(),
        _ => format!("there is no kind {text:?}; there are {}", kinds.join(", ")),
    };
    Err(misfit(at(kind), &why))
}

fn arguments<'a, 'b>(args: &'a [CallArg<'b>]) -> Vec<&'a Expr<'b>> {
    positional(args).unwrap_or_default()
}

/// What an expression is made of, one level down.
fn parts<'a, 'b>(expr: &'a Expr<'b>) -> Vec<&'a Expr<'b>> {
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(it) => {
            let bounds = [&it.start, &it.stop, &it.step].into_iter().flatten();
            std::iter::once(&it.expr).chain(bounds).collect()
        }
        Expr::UnaryOp(it) => vec![&it.expr],
        Expr::BinOp(it) => vec![&it.left, &it.right],
        Expr::Compare(it) => {
            std::iter::once(&it.expr).chain(it.ops.iter().map(|it| &it.expr)).collect()
        }
        Expr::IfExpr(it) => {
            [&it.test_expr, &it.true_expr].into_iter().chain(&it.false_expr).collect()
        }
        Expr::Filter(it) => it.expr.iter().chain(arguments(&it.args)).collect(),
        Expr::Test(it) => std::iter::once(&it.expr).chain(arguments(&it.args)).collect(),
        Expr::GetAttr(it) => vec![&it.expr],
        Expr::GetItem(it) => vec![&it.expr, &it.subscript_expr],
        Expr::Call(it) => std::iter::once(&it.expr).chain(arguments(&it.args)).collect(),
        Expr::List(it) => it.items.iter().collect(),
        Expr::Tuple(it) => it.items.iter().collect(),
        Expr::Map(it) => it.keys.iter().chain(&it.values).collect(),
    }
}
