//! Intervals to choose from. A choice and an expression are two ways to edit one value.

use std::fmt;

use crate::schedule::expression::{Expression, ExpressionError};

/// How often, for those who do not want to write an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    Minutes(u8),
    Hours(u8),
    /// At two in the morning.
    Day,
    /// On Sunday, at two in the morning.
    Week,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceError {
    pub text: String,
}

impl Choice {
    /// What pages and help offer. Each divides the hour or the day, so that the last one before
    /// midnight is as far from the next as any other.
    pub const ALL: [Choice; 16] = [
        Choice::Minutes(1),
        Choice::Minutes(2),
        Choice::Minutes(5),
        Choice::Minutes(10),
        Choice::Minutes(15),
        Choice::Minutes(20),
        Choice::Minutes(30),
        Choice::Hours(1),
        Choice::Hours(2),
        Choice::Hours(3),
        Choice::Hours(4),
        Choice::Hours(6),
        Choice::Hours(8),
        Choice::Hours(12),
        Choice::Day,
        Choice::Week,
    ];

    /// Reads `15m`, `4h`, `1d` or `1w`.
    pub fn parse(text: &str) -> Result<Choice, ChoiceError> {
        let text = text.trim().to_ascii_lowercase();
        let wanted = match text.as_str() {
            "60m" => "1h",
            "24h" => "1d",
            "7d" => "1w",
            other => other,
        };
        let found = Choice::ALL.into_iter().find(|it| it.to_string() == wanted);
        found.ok_or(ChoiceError { text })
    }

    pub fn expression(self) -> String {
        match self {
            Choice::Minutes(1) => "* * * * *".to_owned(),
            Choice::Minutes(minutes) => format!("*/{minutes} * * * *"),
            Choice::Hours(1) => "0 * * * *".to_owned(),
            Choice::Hours(hours) => format!("0 */{hours} * * *"),
            Choice::Day => "0 2 * * *".to_owned(),
            Choice::Week => "0 2 * * 0".to_owned(),
        }
    }

    /// The choice that means the same as an expression, in whichever dialect that is written.
    pub fn of(expression: &Expression) -> Option<Choice> {
        let means = |choice: &Choice| -> Result<bool, ExpressionError> {
            Ok(Expression::parse(&choice.expression())? == *expression)
        };
        Choice::ALL.into_iter().find(|it| means(it) == Ok(true))
    }
}

/// As it is typed: `15m`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Minutes(minutes) => write!(f, "{minutes}m"),
            Choice::Hours(hours) => write!(f, "{hours}h"),
            Choice::Day => f.write_str("1d"),
            Choice::Week => f.write_str("1w"),
        }
    }
}

impl fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices: Vec<String> = Choice::ALL.iter().map(Choice::to_string).collect();
        write!(
            f,
            "\"{}\" is no interval to choose. Choose one of {}, or write a cron expression.",
            self.text,
            choices.join(", ")
        )
    }
}

impl std::error::Error for ChoiceError {}
