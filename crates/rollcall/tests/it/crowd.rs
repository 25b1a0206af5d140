//! The Data Center directory: what is published, and what its readers make of it.

mod attributes;
mod foreign;
mod histories;
mod hostile;
mod local_groups;
mod product;
mod protocol;
mod publish;
mod server;
mod world;
mod xml;
