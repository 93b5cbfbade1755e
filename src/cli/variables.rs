//! What the environment says in the place of an option. A variable that is empty is not set, and a mistake in a variable is told
//! by the variable's name.

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The command as it is when no variable is set that is empty: so it arrives in a container if it is not set outside.
pub(super) fn without_empty(command: clap::Command) -> clap::Command {
    without(command, &|variable| {
        std::env::var_os(variable).is_some_and(|value| value.as_encoded_bytes().trim_ascii().is_empty())
    })
}

/// The mistake, by the name of the variable in which it is if it is in one. `command`: without any settings of this process.
pub(super) fn named(error: clap::Error, command: &clap::Command) -> clap::Error {
    if !error.use_stderr() {
        return error;
    }
    for variable in variables(command).into_iter().filter(|name| std::env::var_os(name).is_some()) {
        // What is right without the variable is wrong because of it.
        let other = without(without_empty(command.clone()), &|name| name == variable);
        let same = other.try_get_matches_from(std::env::args_os()).is_err_and(|other| is_same(&other, &error));
        if !same {
            return renamed(error, &variable, command);
        }
    }
    error
}

fn is_same(one: &clap::Error, other: &clap::Error) -> bool {
    let about = |error: &clap::Error| {
        [ContextKind::InvalidArg, ContextKind::InvalidValue].map(|kind| error.get(kind).map(ToString::to_string))
    };
    one.kind() == other.kind() && about(one) == about(other)
}

fn renamed(mut error: clap::Error, variable: &str, command: &clap::Command) -> clap::Error {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let words = format!("the value of {variable} is not text in UTF-8");
        return clap::Error::raw(ErrorKind::InvalidUtf8, words).format(&mut command.clone());
    }
    error.insert(ContextKind::InvalidArg, ContextValue::String(variable.to_owned()));
    error
}

fn variables(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    let mut all: Vec<String> = own.chain(command.get_subcommands().flat_map(variables)).collect();
    all.sort();
    all.dedup();
    all
}

fn without(command: clap::Command, is_hidden: &dyn Fn(&str) -> bool) -> clap::Command {
    let hides = |argument: &clap::Arg| argument.get_env().and_then(std::ffi::OsStr::to_str).is_some_and(is_hidden);
    command
        .mut_args(|argument| if hides(&argument) { argument.env(Resettable::Reset) } else { argument })
        .mut_subcommands(|subcommand| without(subcommand, is_hidden))
}
