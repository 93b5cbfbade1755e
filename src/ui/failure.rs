//! A failure in lines: what failed, what was seen, what to do.

/// ```text
/// error: docker does not answer (docker-not-running)
///        Cannot connect to the Docker daemon at unix:///var/run/docker.sock
/// hint: start docker and run this again
/// ```
pub(super) fn lines(id: &str, summary: &str, evidence: &[String], hint: &str) -> String {
    let mut text = format!("error: {summary} ({id})\n");
    for seen in evidence {
        text.push_str(&format!("       {seen}\n"));
    }
    if !hint.is_empty() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}
