//! The docker engine that a cluster was made in: it may be another one that docker's command reaches now, and one that was
//! made anew has lost what was in it.

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::file;

use crate::context::Context;

/// Which engine it was, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Engine {
    id: String,
    /// The address of its socket; empty in what an earlier version wrote.
    endpoint: String,
}

/// What became of the engine of a cluster that is not in this one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It is this one, or nothing is remembered.
    Here,
    /// Another one answers at its address: it was made anew.
    Replaced,
    /// It is elsewhere, as far as anybody knows.
    Elsewhere,
}

impl Engine {
    fn remembered(context: &Context) -> Option<Self> {
        let text = file::read_text(&context.places.engine).ok()?;
        let mut lines = text.lines().map(str::to_owned);
        Some(Self { id: lines.next()?, endpoint: lines.next().unwrap_or_default() })
    }

    async fn here(context: &Context) -> Result<Self> {
        Ok(Self { id: context.docker.info().await?.id, endpoint: context.docker.endpoint().await? })
    }

    fn fate(&self, here: &Self) -> Fate {
        match (self.id == here.id, self.endpoint == here.endpoint && !here.endpoint.is_empty()) {
            (true, _) => Fate::Here,
            (false, true) => Fate::Replaced,
            (false, false) => Fate::Elsewhere,
        }
    }

    fn in_words(&self) -> String {
        if self.endpoint.is_empty() { self.id.clone() } else { format!("{} at {}", self.id, self.endpoint) }
    }
}

/// Remembers that the cluster is in the engine that answers now. True if it was another one before.
pub(super) async fn remember(context: &Context) -> Result<bool> {
    let (before, here) = (Engine::remembered(context), Engine::here(context).await?);
    if before.as_ref() != Some(&here) {
        file::replace(&context.places.engine, format!("{}\n{}\n", here.id, here.endpoint).as_bytes(), file::PUBLIC)?;
    }
    Ok(before.is_some_and(|before| before.id != here.id))
}

/// Whether what is remembered of the cluster, its kubeconfig among it, is of one in another engine than the one that answers.
pub(super) async fn has_moved(context: &Context) -> Result<bool> {
    let Some(made_in) = Engine::remembered(context) else { return Ok(false) };
    Ok(made_in.id != context.docker.info().await?.id)
}

/// A cluster that is not here may be in another engine, where the person's docker context pointed when it was made.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if so.
pub(super) async fn refuse_another(context: &Context) -> Result<()> {
    let Some(made_in) = Engine::remembered(context) else { return Ok(()) };
    let here = Engine::here(context).await?;
    if made_in.fate(&here) != Fate::Elsewhere {
        return Ok(());
    }
    let what = format!("the cluster {:?} was made in another docker engine", context.options.name.as_str());
    let failure = Failure::new(FailureId::ClusterForeign, what).evidence(format!(
        "made in engine {}, this is {}",
        made_in.in_words(),
        here.in_words()
    ));
    let hint = hint![
        "point docker at that engine (DOCKER_HOST, `docker context use`), or choose another --name; if that engine is no more, ",
        Ours::TakeOver,
        " forgets the cluster"
    ];
    Err(failure.hint(hint).into())
}

/// Where a cluster was that was made and is not here any more, in words.
pub(super) async fn loss(context: &Context) -> Result<Option<String>> {
    let Some(made_in) = Engine::remembered(context) else { return Ok(None) };
    let here = Engine::here(context).await?;
    Ok(match made_in.fate(&here) {
        Fate::Here => Some("its Kubernetes nodes were removed by something else than this program".to_owned()),
        Fate::Replaced => Some(format!(
            "it was in docker engine {}, and at {} there is engine {} now, which was made since",
            made_in.id, here.endpoint, here.id
        )),
        Fate::Elsewhere => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_was_made_anew_is_told_from_one_that_is_elsewhere() {
        let engine = |id: &str, endpoint: &str| Engine { id: id.to_owned(), endpoint: endpoint.to_owned() };
        let local = engine("A", "unix:///var/run/docker.sock");
        for (before, here, fate) in [
            (&local, engine("A", "unix:///var/run/docker.sock"), Fate::Here),
            // Reached by another way.
            (&local, engine("A", "tcp://127.0.0.1:2375"), Fate::Here),
            (&local, engine("B", "unix:///var/run/docker.sock"), Fate::Replaced),
            (&local, engine("B", "ssh://ann@server"), Fate::Elsewhere),
            // An earlier version, or a docker that does not tell.
            (&engine("A", ""), engine("B", "unix:///var/run/docker.sock"), Fate::Elsewhere),
            (&engine("A", ""), engine("B", ""), Fate::Elsewhere),
            (&engine("A", ""), engine("A", "unix:///var/run/docker.sock"), Fate::Here),
        ] {
            assert_eq!(before.fate(&here), fate, "{before:?} {here:?}");
        }
    }
}
