//! Decides what has to change so that a directory equals its source.
//!
//! There is no I/O here, no clock and no randomness: the same input gives the same output, and a
//! test needs nothing but values. Modules are listed in the order in which they are best read.

pub mod figure;

pub mod principal;

pub mod directory;

pub mod pattern;

pub mod finding;

pub mod expression;

pub mod scope;

pub mod mapping;

pub mod plan;

pub mod gate;

pub mod explain;

pub mod schedule;

pub mod health;

#[cfg(test)]
mod world;
