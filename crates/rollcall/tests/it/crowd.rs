//! The Data Center directory: what is published, and what its readers make of it.

mod histories;
mod product;
mod publish;
mod server;
mod world;
mod xml;
