//! Decides what has to change so that a directory equals its source.
//!
//! There is no I/O here, no clock and no randomness: the same input gives the same output, and a
//! test needs nothing but values.

pub mod directory;
pub mod finding;
pub mod gate;
pub mod plan;
pub mod principal;
