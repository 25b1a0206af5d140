//! What an expression can do: the transformations, and little else. All of it refuses a value that is
//! not there, and is bounded.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::value::{Object, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::variables::Nobody;
use crate::mapping::transform::notation::{USAGES, named};
use crate::mapping::transform::{STEPS_MAX, Table, Transformation, VALUE_BYTES_MAX};
use crate::pattern::Patterns;
use crate::principal::Name;

/// The transformations, with `_` for `-`, and what lists need.
pub(super) const FILTERS: [&str; 20] = [
    "lower",
    "upper",
    "trim",
    "strip_domain",
    "replace",
    "replace_first",
    "split",
    "take",
    "prefix",
    "suffix",
    "map",
    "default",
    "date",
    "nfc",
    "nfkc",
    "ascii",
    "length",
    "first",
    "last",
    "join",
];

pub(super) const TESTS: [&str; 5] =
    ["none", "startingwith", "endingwith", "containing", "matching"];

/// What `drop()` gives.
#[derive(Debug)]
pub(super) struct Drop;

impl Object for Drop {}

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_function("drop", || Value::from_object(Drop));
    environment.add_function("first_of", |values: Rest<Value>| first_of(&values));
    for (word, _) in USAGES {
        match word {
            "map" => environment.add_filter(word, map),
            "default" => environment.add_filter(word, default),
            _ => {
                let name = word.replace('-', "_");
                environment.add_filter(
                    name,
                    move |state: &State, value: &Value, texts: Rest<Value>| {
                        transform(state, word, value, &texts)
                    },
                );
            }
        }
    }
    environment.add_filter("length", length);
    environment.add_filter("first", |list: &Value| one(list, false));
    environment.add_filter("last", |list: &Value| one(list, true));
    environment.add_filter("join", join);
    environment.add_test("none", is_absent);
    environment.add_test("startingwith", |value: &Value, part: &str| {
        text(value).map(|value| value.starts_with(part))
    });
    environment.add_test("endingwith", |value: &Value, part: &str| {
        text(value).map(|value| value.ends_with(part))
    });
    environment.add_test("containing", |value: &Value, part: &str| {
        text(value).map(|value| value.contains(part))
    });
    environment.add_test("matching", |state: &State, value: &Value, pattern: &str| {
        let value = text(value)?;
        state.consume_fuel(1 + 2 * value.len() as u64)?;
        Ok::<bool, Error>(patterns(state, pattern)?.matches(&Name::new(value)))
    });
}

fn failed(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}

pub(super) fn is_absent(value: &Value) -> bool {
    let is_nobody = value.downcast_object_ref::<Nobody>().is_some();
    value.is_none() || value.is_undefined() || is_nobody
}

/// A text that is there and is not too long.
fn text(value: &Value) -> Result<&str, Error> {
    match value.as_str() {
        Some(text) if text.len() <= VALUE_BYTES_MAX => Ok(text),
        Some(_) => Err(failed(format!("a text is longer than {VALUE_BYTES_MAX} bytes"))),
        None if is_absent(value) => {
            Err(failed("a value is not there; say what stands in for it by default(..)"))
        }
        None => Err(failed(format!("a text is needed where there is a {}", value.kind()))),
    }
}

fn transform(
    state: &State,
    word: &str,
    value: &Value,
    arguments: &[Value],
) -> Result<Value, Error> {
    let value = text(value)?;
    let mut texts = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let is_number = argument.kind() == ValueKind::Number;
        texts.push(if is_number { argument.to_string() } else { text(argument)?.to_owned() });
    }
    let made = remembered(state, word, texts)?;
    apply(state, &made, value)
}

/// Where it does not apply, the value is as it was.
fn apply(state: &State, made: &Transformation, value: &str) -> Result<Value, Error> {
    const STEPS_OF_FUEL: usize = 512;
    let fuel_left = state.fuel_levels().map_or(0, |(_, left)| left);
    let steps_max = usize::try_from(fuel_left).unwrap_or(0).saturating_mul(STEPS_OF_FUEL);
    let steps_max = steps_max.min(STEPS_MAX);
    let mut steps_left = steps_max;
    let next = made.apply(value, &mut steps_left).map_err(|it| failed(it.to_string()))?;
    state.consume_fuel(1 + (steps_max - steps_left).div_ceil(STEPS_OF_FUEL) as u64)?;
    Ok(Value::from(next.as_deref().unwrap_or(value)))
}

fn default(state: &State, value: &Value, default: &Value) -> Result<Value, Error> {
    if is_absent(value) {
        return Ok(Value::from(text(default)?));
    }
    apply(state, &Transformation::Default(text(default)?.into()), text(value)?)
}

fn map(
    state: &State,
    value: &Value,
    table: &Value,
    otherwise: Option<&Value>,
) -> Result<Value, Error> {
    let table = self::table(table, otherwise, || state.consume_fuel(4))?;
    apply(state, &Transformation::Map(Box::new(table)), text(value)?)
}

/// `pay` is asked before each of its entries.
pub(super) fn table(
    table: &Value,
    otherwise: Option<&Value>,
    pay: impl Fn() -> Result<(), Error>,
) -> Result<Table, Error> {
    if table.kind() != ValueKind::Map {
        return Err(failed("map takes a table: map({\"Sales\": \"S\"})"));
    }
    let mut typed = Vec::new();
    for key in table.try_iter()? {
        pay()?;
        let to = table.get_item(&key)?;
        typed.push((text(&key)?.into(), text(&to)?.into()));
    }
    let otherwise = otherwise.map(|it| text(it).map(Box::from)).transpose()?;
    Table::new(typed, otherwise).map_err(|twice| failed(format!("its table has {twice:?} twice")))
}

/// The first of its values that is there and not empty.
fn first_of(values: &[Value]) -> Result<Value, Error> {
    for value in values.iter().filter(|it| !is_absent(it)) {
        if !text(value)?.trim().is_empty() {
            return Ok(value.clone());
        }
    }
    Ok(Value::from(()))
}

fn length(value: &Value) -> Result<usize, Error> {
    if value.kind() == ValueKind::Seq { list(value) } else { Ok(text(value)?.chars().count()) }
}

fn list(value: &Value) -> Result<usize, Error> {
    match (value.kind(), value.len()) {
        (ValueKind::Seq, Some(length)) => Ok(length),
        (kind, _) => Err(failed(format!("a list is needed where there is a {kind}"))),
    }
}

/// Nothing where the list is empty.
fn one(value: &Value, is_from_end: bool) -> Result<Value, Error> {
    let length = list(value)?;
    let index = if is_from_end { length.checked_sub(1) } else { Some(0) };
    match index.filter(|index| *index < length) {
        Some(index) => value.get_item_by_index(index),
        None => Ok(Value::from(())),
    }
}

fn join(state: &State, value: &Value, separator: &str) -> Result<String, Error> {
    let mut joined = String::new();
    for index in 0..list(value)? {
        state.consume_fuel(1)?;
        let item = value.get_item_by_index(index)?;
        let separator = if index == 0 { "" } else { separator };
        for part in [separator, text(&item)?] {
            if VALUE_BYTES_MAX < joined.len() + part.len() {
                return Err(failed(format!("a text is longer than {VALUE_BYTES_MAX} bytes")));
            }
            joined.push_str(part);
        }
    }
    Ok(joined)
}

/// What has been compiled, because the same few are asked for everybody.
struct Memory<T>(BTreeMap<(Box<str>, Vec<String>), Arc<T>>);

const REMEMBERED_MAX: usize = 256;

static TRANSFORMATIONS: LazyLock<Mutex<Memory<Transformation>>> =
    LazyLock::new(|| Mutex::new(Memory(BTreeMap::new())));
static PATTERNS: LazyLock<Mutex<Memory<Patterns>>> =
    LazyLock::new(|| Mutex::new(Memory(BTreeMap::new())));

/// Steps of compiling what was never seen, which an expression might ask for with every value anew.
const COMPILE_FUEL: u64 = 500;

fn remembered(state: &State, word: &str, texts: Vec<String>) -> Result<Arc<Transformation>, Error> {
    let key = (Box::from(word), texts);
    if let Some(made) = lock(&TRANSFORMATIONS).0.get(&key) {
        return Ok(Arc::clone(made));
    }
    let texts: Vec<&str> = key.1.iter().map(String::as_str).collect();
    let is_costly = texts.first().is_some_and(|it| it.starts_with('/'));
    state.consume_fuel(if is_costly { COMPILE_FUEL } else { 1 })?;
    let made = Arc::new(named(word, &texts).map_err(failed)?);
    remember(&TRANSFORMATIONS, key, &made);
    Ok(made)
}

pub(super) fn patterns(state: &State, typed: &str) -> Result<Arc<Patterns>, Error> {
    let key = (Box::from(typed), Vec::new());
    if let Some(made) = lock(&PATTERNS).0.get(&key) {
        return Ok(Arc::clone(made));
    }
    state.consume_fuel(COMPILE_FUEL)?;
    let made = Arc::new(Patterns::parse(&[typed]).map_err(|it| failed(it.to_string()))?);
    remember(&PATTERNS, key, &made);
    Ok(made)
}

fn remember<T>(memory: &Mutex<Memory<T>>, key: (Box<str>, Vec<String>), made: &Arc<T>) {
    let mut memory = lock(memory);
    if REMEMBERED_MAX <= memory.0.len() {
        memory.0.clear();
    }
    memory.0.insert(key, Arc::clone(made));
}

/// What is remembered is right whoever panicked while holding it.
fn lock<T>(memory: &Mutex<Memory<T>>) -> std::sync::MutexGuard<'_, Memory<T>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
