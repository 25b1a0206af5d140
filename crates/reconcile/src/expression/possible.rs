//! What an expression may give, told without asking it of anybody.
//!
//! Told too much, never too little: what is not among it is given for nobody, whoever they are. Only so
//! can an expression be refused that somebody saves, because a few samples that all go wrong show nothing
//! of the one record for which it was written.

use std::collections::BTreeSet;

use minijinja::Value;
use minijinja::machinery::ast::{
    BinOp, BinOpKind, Call, CallArg, Expr, Filter, GetItem, IfExpr, Test, UnaryOp, UnaryOpKind,
};
use minijinja::value::ValueKind;

/// Nothing at all where it goes wrong with everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Possible {
    pub(super) kinds: BTreeSet<Kind>,
    /// The texts among it.
    pub(super) texts: Texts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Number,
    YesNo,
    Nothing,
    Drop,
    /// A list of texts, as groups are.
    Names,
    List,
    /// A table, an account, or what can be called.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// None but these.
    Only(BTreeSet<Box<str>>),
    Any,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts::Only(BTreeSet::new())
    }
}

pub(super) fn possible(expr: &Expr<'_>) -> Possible {
    if let Some(value) = expr.as_const() {
        return of_value(&value);
    }
    match expr {
        Expr::Var(_) | Expr::GetAttr(_) => match path(expr) {
            Some(path) => of_variable(&path),
            None => anything(),
        },
        Expr::UnaryOp(it) => of_unary(it),
        Expr::BinOp(it) => of_binary(it),
        Expr::Compare(it) => {
            let ops = it.ops.iter().map(|it| &it.expr);
            of_parts(std::iter::once(&it.expr).chain(ops), || one(Kind::YesNo))
        }
        Expr::IfExpr(it) => of_condition(it),
        Expr::Filter(it) => of_filter(it),
        Expr::Test(it) => of_test(it),
        Expr::GetItem(it) => of_item(it),
        Expr::Slice(it) => of_slice(&it.expr),
        Expr::Call(it) => of_call(it),
        Expr::List(it) => of_parts(it.items.iter(), || one(Kind::List)),
        Expr::Tuple(it) => of_parts(it.items.iter(), || one(Kind::List)),
        Expr::Map(it) => of_parts(it.keys.iter().chain(&it.values), || one(Kind::Other)),
        Expr::Const(_) => anything(),
    }
}

/// A name with dots, as variables have: `user.email`.
pub(super) fn path(expr: &Expr<'_>) -> Option<String> {
    let mut names = Vec::new();
    let mut expr = expr;
    loop {
        match expr {
            Expr::Var(it) => {
                names.push(it.id);
                names.reverse();
                return Some(names.join("."));
            }
            Expr::GetAttr(it) => {
                names.push(it.name);
                expr = &it.expr;
            }
            Expr::Const(_)
            | Expr::Slice(_)
            | Expr::UnaryOp(_)
            | Expr::BinOp(_)
            | Expr::Compare(_)
            | Expr::IfExpr(_)
            | Expr::Filter(_)
            | Expr::Test(_)
            | Expr::GetItem(_)
            | Expr::Call(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Map(_) => return None,
        }
    }
}

/// Those that are told apart by where they stand and not by their name; others would be refused.
pub(super) fn positional<'a, 'b>(args: &'a [CallArg<'b>]) -> Option<Vec<&'a Expr<'b>>> {
    let expr = |arg: &'a CallArg<'b>| match arg {
        CallArg::Pos(expr) => Some(expr),
        CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => None,
    };
    args.iter().map(expr).collect()
}

impl Possible {
    pub(super) fn is_never_right(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    fn has_any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|it| self.has(*it))
    }

    fn or(mut self, other: Possible) -> Possible {
        self.kinds.extend(other.kinds);
        self.texts = match (self.texts, other.texts) {
            (Texts::Only(mut one), Texts::Only(other)) => {
                one.extend(other);
                Texts::Only(one)
            }
            (Texts::Any, _) | (_, Texts::Any) => Texts::Any,
        };
        self
    }
}

fn one(kind: Kind) -> Possible {
    any_of([kind])
}

fn any_of(kinds: impl IntoIterator<Item = Kind>) -> Possible {
    let kinds = BTreeSet::from_iter(kinds);
    let texts = if kinds.contains(&Kind::Text) { Texts::Any } else { Texts::default() };
    Possible { kinds, texts }
}

fn never() -> Possible {
    Possible::default()
}

fn anything() -> Possible {
    any_of([
        Kind::Text,
        Kind::Number,
        Kind::YesNo,
        Kind::Nothing,
        Kind::Drop,
        Kind::Names,
        Kind::List,
        Kind::Other,
    ])
}

fn of_value(value: &Value) -> Possible {
    if let Some(text) = value.as_str() {
        let texts = Texts::Only(BTreeSet::from([text.into()]));
        return Possible { kinds: BTreeSet::from([Kind::Text]), texts };
    }
    one(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Kind::Nothing,
        ValueKind::Bool => Kind::YesNo,
        ValueKind::Number => Kind::Number,
        ValueKind::Seq | ValueKind::Iterable => Kind::List,
        ValueKind::String
        | ValueKind::Bytes
        | ValueKind::Map
        | ValueKind::Plain
        | ValueKind::Invalid
        | _ => Kind::Other,
    })
}

/// The names themselves were looked at before.
fn of_variable(path: &str) -> Possible {
    match path {
        "reason" => one(Kind::Text),
        "groups" => one(Kind::Names),
        "existing" | "user" => any_of([Kind::Other, Kind::Nothing]),
        "existing.active" => any_of([Kind::YesNo, Kind::Nothing]),
        path if path.contains('.') => any_of([Kind::Text, Kind::Nothing]),
        _ => one(Kind::Other),
    }
}

/// Something that is never right makes nothing right of which it is a part.
fn of_parts<'a>(
    parts: impl Iterator<Item = &'a Expr<'a>>,
    otherwise: impl FnOnce() -> Possible,
) -> Possible {
    for part in parts {
        if possible(part).is_never_right() {
            return never();
        }
    }
    otherwise()
}

fn of_unary(it: &UnaryOp<'_>) -> Possible {
    let operand = possible(&it.expr);
    match it.op {
        _ if operand.is_never_right() => never(),
        UnaryOpKind::Not => one(Kind::YesNo),
        UnaryOpKind::Neg if operand.has(Kind::Number) => one(Kind::Number),
        UnaryOpKind::Neg => never(),
    }
}

/// What counts as a number.
const NUMERIC: [Kind; 2] = [Kind::Number, Kind::YesNo];
const LISTS: [Kind; 2] = [Kind::Names, Kind::List];

fn of_binary(it: &BinOp<'_>) -> Possible {
    let (left, right) = (possible(&it.left), possible(&it.right));
    if left.is_never_right() {
        return never();
    }
    let both = |kinds: &[Kind]| left.has_any(kinds) && right.has_any(kinds);
    match it.op {
        // The right side may never be asked.
        BinOpKind::ScAnd | BinOpKind::ScOr => left.or(right),
        _ if right.is_never_right() => never(),
        BinOpKind::Eq
        | BinOpKind::Ne
        | BinOpKind::Lt
        | BinOpKind::Lte
        | BinOpKind::Gt
        | BinOpKind::Gte
        | BinOpKind::In => one(Kind::YesNo),
        BinOpKind::Add => {
            let mut sum = BTreeSet::new();
            sum.extend(both(&[Kind::Text]).then_some(Kind::Text));
            sum.extend(both(&NUMERIC).then_some(Kind::Number));
            sum.extend(both(&LISTS).then_some(Kind::List));
            any_of(sum)
        }
        BinOpKind::Sub | BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem => {
            if both(&NUMERIC) { one(Kind::Number) } else { never() }
        }
        // Neither is let through.
        BinOpKind::Mul | BinOpKind::Pow | BinOpKind::Concat => anything(),
    }
}

fn of_condition(it: &IfExpr<'_>) -> Possible {
    let otherwise = || it.false_expr.as_ref().map_or_else(|| one(Kind::Nothing), possible);
    match it.test_expr.as_const() {
        Some(value) if value.is_true() => possible(&it.true_expr),
        Some(_) => otherwise(),
        None if possible(&it.test_expr).is_never_right() => never(),
        None => possible(&it.true_expr).or(otherwise()),
    }
}

fn of_filter(it: &Filter<'_>) -> Possible {
    let Some(args) = positional(&it.args) else { return anything() };
    let value = it.expr.as_ref().map_or_else(anything, possible);
    let args: Vec<Possible> = args.into_iter().map(possible).collect();
    if args.iter().any(Possible::is_never_right) {
        return never();
    }
    let are_texts = |args: &[Possible]| args.iter().all(|it| it.has(Kind::Text));
    let (is_right, gives) = match it.name {
        "default" => (value.has_any(&[Kind::Text, Kind::Nothing]) && are_texts(&args), Kind::Text),
        "map" => (value.has(Kind::Text), Kind::Text),
        "join" => (value.has_any(&LISTS) && are_texts(&args), Kind::Text),
        "length" => (value.has_any(&[Kind::Text, Kind::Names, Kind::List]), Kind::Number),
        "first" | "last" if !value.has_any(&LISTS) => return never(),
        "first" | "last" if value.has(Kind::List) => return anything(),
        "first" | "last" => return any_of([Kind::Text, Kind::Nothing]),
        _ => {
            let are_words = args.iter().all(|it| it.has_any(&[Kind::Text, Kind::Number]));
            (value.has(Kind::Text) && are_words, Kind::Text)
        }
    };
    if is_right { one(gives) } else { never() }
}

fn of_test(it: &Test<'_>) -> Possible {
    let Some(args) = positional(&it.args) else { return anything() };
    let value = possible(&it.expr);
    let is_right = match (it.name, args.as_slice()) {
        ("none", []) => !value.is_never_right(),
        ("none", _) => false,
        (_, [part]) => value.has(Kind::Text) && possible(part).has(Kind::Text),
        (_, _) => false,
    };
    if is_right { one(Kind::YesNo) } else { never() }
}

fn of_item(it: &GetItem<'_>) -> Possible {
    let (of, key) = (possible(&it.expr), possible(&it.subscript_expr));
    let is_place = key.has_any(&NUMERIC);
    let has_others = of.kinds.iter().any(|it| !LISTS.contains(it));
    match (has_others, is_place) {
        _ if of.is_never_right() || key.is_never_right() => never(),
        (true, _) => anything(),
        // A list is asked by numbers; whatever else is no place of it.
        (false, false) => one(Kind::Nothing),
        (false, true) if of.has(Kind::List) => anything(),
        (false, true) => any_of([Kind::Text, Kind::Nothing]),
    }
}

fn of_slice(of: &Expr<'_>) -> Possible {
    let of = possible(of);
    let mut kinds = BTreeSet::new();
    kinds.extend(of.has(Kind::Text).then_some(Kind::Text));
    kinds.extend(of.has_any(&LISTS).then_some(Kind::List));
    kinds.extend(of.has(Kind::Nothing).then_some(Kind::List));
    any_of(kinds)
}

fn of_call(it: &Call<'_>) -> Possible {
    let (Some(args), Some(path)) = (positional(&it.args), path(&it.expr)) else {
        return anything();
    };
    let args: Vec<Possible> = args.into_iter().map(possible).collect();
    if args.iter().any(Possible::is_never_right) {
        return never();
    }
    let are_texts = args.iter().all(|it| it.has(Kind::Text));
    match (&*path, args.len()) {
        ("drop", 0) => one(Kind::Drop),
        // A kind that is none is no kind.
        ("groups.has", 1 | 2) if args.first().is_some_and(|it| it.has(Kind::Text)) => {
            one(Kind::YesNo)
        }
        ("groups.of", 1) if are_texts => one(Kind::Names),
        ("drop" | "groups.has" | "groups.of", _) => never(),
        ("first_of", _) => {
            let texts = args.into_iter().filter(|it| it.has(Kind::Text));
            texts.fold(one(Kind::Nothing), |all, it| {
                all.or(Possible { kinds: BTreeSet::from([Kind::Text]), texts: it.texts })
            })
        }
        _ => anything(),
    }
}
