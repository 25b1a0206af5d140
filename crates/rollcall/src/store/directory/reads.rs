//! Full reads of the directory that may still be under way.
