//! The one expression language: what rules can say that no setting says.
//!
//! An expression is bounded in length, depth, time and memory, sees nothing but the variables it is
//! given, and cannot be made to stop or crash whoever asks. What it says wrong is an error when it is
//! saved; what goes wrong with one person is a value, and concerns nobody else.

mod check;
mod filters;
mod possible;
mod scan;
mod variables;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

pub use self::check::{Purpose, Says};
use self::scan::Named;
pub use self::variables::{DIRECTORY_FIELDS, Groups, PERSON, Variables};
pub(crate) use self::variables::{text_of, untold};
use crate::mapping::rules::CheckField;
use crate::mapping::transform::VALUE_BYTES_MAX;

/// An expression that can be asked of anybody.
#[derive(Clone)]
pub struct Expression {
    /// As it was typed.
    source: Box<str>,
    compiled: Arc<minijinja::Expression<'static, 'static>>,
    /// The variables that it names: `user.email`, `groups`.
    named: Arc<BTreeSet<Box<str>>>,
}

/// What an expression says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Text(String),
    YesNo(bool),
    /// No value: `none`, or a field that somebody does not have.
    Nothing,
    /// The person takes no part: `drop()`.
    Drop,
}

/// The variables that there are where an expression is used. An entry that ends with `.*` stands for
/// all that begin like it.
pub type Vocabulary<'a> = [&'a str];

/// Why an expression cannot be used, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The expression cannot be used. Line {line}, character {column}: {why}.")]
pub struct ExpressionError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub why: String,
}

pub const SOURCE_BYTES_MAX: usize = 4 * 1024;
/// One step is an instruction, or 64 bytes of text that is made: some milliseconds and a megabyte.
const FUEL: u64 = 20_000;

impl Expression {
    /// Reads an expression. What is wrong with its words is found here; whether it can be right for
    /// anybody is for [`Expression::check`] to say when it is saved.
    pub fn compile(
        source: &str,
        vocabulary: &Vocabulary<'_>,
    ) -> Result<Expression, ExpressionError> {
        Expression::compile_with(source, vocabulary, &|_| Ok(()))
    }

    /// As [`Expression::compile`], where `check_field` says of each field of `user` whether there is one; if
    /// not, in a sentence.
    pub fn compile_with(
        source: &str,
        vocabulary: &Vocabulary<'_>,
        check_field: CheckField<'_>,
    ) -> Result<Expression, ExpressionError> {
        let source = source.trim();
        let names = scan::names(source)?;
        let compiled = ENVIRONMENT
            .compile_expression_owned(source.to_owned())
            .map_err(|error| refused(source, &error))?;
        let mut named = BTreeSet::new();
        for Named { at, name } in names.iter().filter(|it| !FUNCTIONS.contains(&&*it.name)) {
            let misfit =
                |why: String| scan::error(source, *at, why.trim_end_matches('.').to_owned());
            let variable = variables::known(name, vocabulary).map_err(misfit)?;
            if let Some(field) = variable.strip_prefix("user.") {
                check_field(field).map_err(misfit)?;
            }
            named.insert(variable);
        }
        Ok(Expression { source: source.into(), compiled: Arc::new(compiled), named: named.into() })
    }

    /// Whether it names a variable, or one that begins like it.
    pub fn names(&self, variable: &str) -> bool {
        self.named.iter().any(|it| {
            let rest = it.strip_prefix(variable);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// The fields that it names of one variable: `department` of `user.department`.
    pub fn fields_of<'a>(&'a self, variable: &'a str) -> impl Iterator<Item = &'a str> {
        self.named.iter().filter_map(move |it| it.strip_prefix(variable)?.strip_prefix('.'))
    }

    /// The fields of `user` that only the source tells, where the others are told as a directory should
    /// hold them.
    pub fn source_fields(&self) -> impl Iterator<Item = &str> {
        self.fields_of("user").filter(|it| !DIRECTORY_FIELDS.contains(it))
    }

    /// What it says of somebody, or why it says nothing, in a sentence.
    pub fn answer(&self, variables: &Variables<'_>) -> Result<Answer, String> {
        let value = self.eval(variables).map_err(|it| why(&it))?;
        answer_of(&value)
    }

    fn eval(&self, variables: &Variables<'_>) -> Result<Value, minijinja::Error> {
        self.compiled.eval(variables.context(&self.named))
    }

    /// Whether it says yes. Whatever is neither yes nor no is an error.
    pub fn holds(&self, variables: &Variables<'_>) -> Result<bool, String> {
        let answer = self.answer(variables)?;
        match Says::YesNo.objection(&answer) {
            Some(why) => Err(why),
            None => Ok(answer == Answer::YesNo(true)),
        }
    }
}

fn answer_of(value: &Value) -> Result<Answer, String> {
    if value.downcast_object_ref::<filters::Drop>().is_some() {
        return Ok(Answer::Drop);
    }
    let kind = value.kind();
    if filters::is_absent(value) {
        return Ok(Answer::Nothing);
    }
    if kind == ValueKind::Bool {
        return Ok(Answer::YesNo(value.is_true()));
    }
    if kind == ValueKind::Number {
        return Ok(Answer::Text(value.to_string()));
    }
    match value.as_str() {
        Some(text) if text.len() <= VALUE_BYTES_MAX => Ok(Answer::Text(text.to_owned())),
        Some(_) => Err(format!("it gives a text of more than {VALUE_BYTES_MAX} bytes")),
        None => Err(format!("it gives a value of the kind {kind}, which is no answer")),
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

/// What can be called.
const FUNCTIONS: [&str; 2] = ["drop", "first_of"];

/// It begins empty: whatever is not of us is not there.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(16);
    environment.set_debug(true);
    filters::register(&mut environment);
    environment
});

fn refused(source: &str, error: &minijinja::Error) -> ExpressionError {
    let at = error.range().map_or(0, |range| range.start);
    scan::error(source, at, why(error))
}

/// What went wrong, without the drawing that the engine adds.
fn why(error: &minijinja::Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return "it needs too many steps".to_owned();
    }
    match error.detail() {
        Some(detail) => detail.trim_end_matches('.').to_owned(),
        None if error.kind() == ErrorKind::UndefinedError => {
            "it uses something that is not there".to_owned()
        }
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests;
