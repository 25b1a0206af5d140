//! The Data Center directory: what is published, and what its readers make of it.

mod publish;
mod world;
