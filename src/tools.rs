//! The programs that are driven from here: arguments in, typed values out. Each knows its program and nothing else.

pub(crate) mod docker;
pub(crate) mod helm;
pub(crate) mod kind;
pub(crate) mod program;
