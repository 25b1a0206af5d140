//! The pages, over real HTTP.

mod accounts;
mod browser;
mod calls;
mod chromium;
mod connectors;
mod deciding;
mod editor;
mod frame;
mod fresh;
mod hostile;
mod matrix;
mod people;
mod person;
mod results;
mod roles;
mod signing_in;
mod site;
mod stopping;
mod telling;
mod undoing;
mod unsaved;
mod walk;
mod window;
mod words;
mod world;
