//! Two programs, the one feeding the other.

use std::time::Instant;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Command, Finished, ProcessGroup, drain, report, tail};
use crate::failure;

impl Command {
    /// Runs two programs at the same time, with the output of this one as the input of the other, until both have ended.
    /// `arrived` is told how many bytes have gone through so far.
    ///
    /// # Errors
    /// As [`Self::stdout`], for either of them. If both fail, the words of both are told: which of them made the other
    /// fail, only they know.
    pub async fn pipe_into(self, other: Self, mut arrived: impl FnMut(u64)) -> Result<()> {
        let (asked, other_asked, started) = (self.asked(), other.asked(), Instant::now());
        let (mut source, mut sink) = (self.start(&asked).await?, other.start(&other_asked).await?);
        let _groups = (ProcessGroup(source.id()), ProcessGroup(sink.id()));
        let (output, input) = (source.stdout.take(), sink.stdin.take());
        // Whoever is not fed must not wait for more.
        drop(source.stdin.take());
        let (source_words, sink_output, sink_words) = (source.stderr.take(), sink.stdout.take(), sink.stderr.take());
        let carry = async {
            if let (Some(mut output), Some(mut input)) = (output, input) {
                let (mut buffer, mut total) = (vec![0; 1 << 16], 0);
                // A pipe that breaks shows in the status of the program at its end.
                while let Ok(read @ 1..) = output.read(&mut buffer).await
                    && input.write_all(&buffer[..read]).await.is_ok()
                {
                    total += read as u64;
                    arrived(total);
                }
            }
        };
        let (mut source_said, mut sink_said, mut sink_printed) = (Vec::new(), Vec::new(), Vec::new());
        let all = async {
            tokio::join!(
                carry,
                drain(source_words, &mut source_said),
                drain(sink_output, &mut sink_printed),
                drain(sink_words, &mut sink_said),
                source.wait(),
                sink.wait()
            )
        };
        let Ok((_, source_read, printed_read, sink_read, source_status, sink_status)) =
            tokio::time::timeout(self.deadline, all).await
        else {
            return Err(asked.out_of_time(self.deadline, &tail(&source_said, &sink_said)).into());
        };
        source_read.map_err(|error| asked.flooded(error, &source_said))?;
        printed_read.map_err(|error| other_asked.flooded(error, &sink_printed))?;
        sink_read.map_err(|error| other_asked.flooded(error, &sink_said))?;
        let ended = [
            (asked.line, Finished { stdout: Vec::new(), stderr: source_said, status: source_status? }),
            (other_asked.line, Finished { stdout: sink_printed, stderr: sink_said, status: sink_status? }),
        ];
        for (line, finished) in &ended {
            report(line, started, Ok(finished));
        }
        let mut failures = ended.into_iter().filter_map(|(line, finished)| finished.success(&line).err());
        let Some(first) = failures.next() else { return Ok(()) };
        match (failure::of(&first), failures.next().as_ref().and_then(failure::of)) {
            (Some(one), Some(other)) => {
                Err(one.clone().evidence(other.summary()).evidence(other.seen().join("\n")).into())
            }
            _ => Err(first),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_pipe_carries_everything_and_tells_which_end_failed() {
        let shell = |script: &str| Command::new("sh", SOON).args(["-c", script]);
        let mut bytes = 0;
        let piped = shell("head -c 300000 /dev/zero").pipe_into(shell("test $(wc -c) = 300000"), |total| bytes = total);
        piped.await.unwrap();
        assert_eq!(bytes, 300_000);
        for (source, sink, why) in [("echo one >&2; exit 3", "cat", "one"), ("yes", "echo two >&2; exit 4", "two")] {
            let error = shell(source).pipe_into(shell(sink), drop).await.unwrap_err();
            let failure = failure::of(&error).unwrap();
            assert!(failure.seen().iter().any(|line| line == why), "{failure:?}");
        }
    }
}
