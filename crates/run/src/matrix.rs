//! The result of the proof: who read what from whom, and how long after.

use serde::{Deserialize, Serialize};

/// One complete proof: a read for every ordered pair of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// The key of the rows of this proof: no other run has it.
    pub run: String,
    /// The names of the pgEdge nodes, in their order.
    pub nodes: Vec<String>,
    /// One for each ordered pair of different nodes that was proven.
    pub reads: Vec<Read>,
}

/// A row that was written on one node and read on another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// The name of the node that a row was inserted on.
    pub written_on: String,
    /// The name of the node that it was seen on.
    pub read_on: String,
    /// Milliseconds from the INSERT on the one to the first sight on the other, by the clocks of the two servers.
    pub lag_ms: f64,
}

impl Matrix {
    /// `6 of 6 ordered pairs, slowest 12.3 ms`
    pub fn summary(&self) -> String {
        let pairs = self.nodes.len() * self.nodes.len().saturating_sub(1);
        let slowest = self.reads.iter().map(|read| read.lag_ms).fold(0.0, f64::max);
        format!("{} of {pairs} ordered pairs, slowest {slowest:.1} ms", self.reads.len())
    }

    /// A table with a row for every writer and a column for every reader.
    pub fn table(&self) -> String {
        use std::fmt::Write as _;
        let mut table = format!("{:<12}", "written on");
        for reader in &self.nodes {
            let _ = write!(table, "{:>14}", format!("read on {reader}"));
        }
        for writer in &self.nodes {
            let _ = write!(table, "\n{writer:<12}");
            for reader in &self.nodes {
                let read = self.reads.iter().find(|read| read.written_on == *writer && read.read_on == *reader);
                let cell = match read {
                    Some(read) => format!("{:.1} ms", read.lag_ms),
                    None if writer == reader => "-".to_owned(),
                    None => "not read".to_owned(),
                };
                let _ = write!(table, "{cell:>14}");
            }
        }
        table.push('\n');
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_cell_for_every_ordered_pair() {
        let read = |written_on: &str, read_on: &str, lag_ms| Read {
            written_on: written_on.into(),
            read_on: read_on.into(),
            lag_ms,
        };
        let nodes = vec!["n1".to_owned(), "n2".to_owned()];
        let matrix = Matrix { run: "1".into(), nodes, reads: vec![read("n1", "n2", 4.25), read("n2", "n1", 31.0)] };
        insta::assert_snapshot!(matrix.table(), @r"
        written on      read on n1    read on n2
        n1                       -        4.2 ms
        n2                 31.0 ms             -
        ");
        assert_eq!(matrix.summary(), "2 of 2 ordered pairs, slowest 31.0 ms");
    }
}
