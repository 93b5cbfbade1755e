//! What a release was made of, compared with what is pinned: who installed it, and how, does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use bootstrap_fetch::sum::Sha256;
use bootstrap_run::failure;
use k8s_openapi::ByteString;
use serde_json::Value;

use crate::stack::ChartPin;

const DEFAULTS: &str = "values.yaml";
const TEMPLATES: &str = "templates/";

/// In what the chart of a release, as helm keeps it, is not the pinned one: a phrase for a person. `None` if it is, by the sum
/// of every template, and by its default values as the folder of the pinned chart has them. A folder that is not there yet
/// tells nothing.
pub(super) fn other_edition(pin: &ChartPin, chart: &Value, folder: &Path) -> Result<Option<String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, version) = (text(&chart["metadata"]["name"]), text(&chart["metadata"]["version"]));
    if (name.as_str(), version.as_str()) != (pin.name.as_str(), pin.version.as_str()) {
        return Ok(Some(format!("it is {name} {version}, not {} {}", pin.name, pin.version)));
    }
    let wanted = pin.files.iter().filter(|file| file.path.starts_with(TEMPLATES));
    let wanted = wanted.map(|file| Ok((file.path.clone(), file.sum()?.clone())));
    let wanted: BTreeMap<String, Sha256> = wanted.collect::<Result<_>>()?;
    let found = sums(&chart["templates"])?;
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    if let Some(name) = names.into_iter().find(|name| wanted.get(*name) != found.get(*name)) {
        let how = match (wanted.contains_key(name), found.contains_key(name)) {
            (true, true) => "is another file",
            (true, false) => "is missing",
            (false, _) => "is not part of it",
        };
        return Ok(Some(format!("{name} {how}")));
    }
    let defaults = match fs_err::read_to_string(folder.join(DEFAULTS)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure::from_io(error)),
    };
    // What is changed on the disk is the business of the step that puts it there.
    let pinned = pin.files.iter().find(|file| file.path == DEFAULTS).and_then(|file| file.sha256.as_ref());
    if pinned != Some(&Sha256::of(defaults.as_bytes())) {
        return Ok(None);
    }
    let defaults = as_helm_reads(&defaults)?;
    let other = other_value(&without_nulls(&chart["values"]), &without_nulls(&defaults));
    Ok(other.map(|what| format!("its default {what}")))
}

/// Numbers as helm reads them, which keeps YAML 1.1's octal form: `mode: 0600`.
fn as_helm_reads(values: &str) -> Result<Value> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(values, options).context("the chart's values are not YAML")
}

/// helm leaves a field without a value out of what it keeps.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        value => value.clone(),
    }
}

fn sums(templates: &Value) -> Result<BTreeMap<String, Sha256>> {
    let files = templates.as_array().into_iter().flatten();
    let sum = |file: &Value| {
        let name = file["name"].as_str().context("a template of the release has no name")?;
        let data: ByteString =
            serde_json::from_value(file["data"].clone()).context("a template of the release is not base64")?;
        Ok((name.to_owned(), Sha256::of(&data.0)))
    };
    files.map(sum).collect()
}

/// The first value in which two sets of values differ, with its path and both values; `None` if they are the same.
pub(super) fn other_value(found: &Value, wanted: &Value) -> Option<String> {
    let nothing = Value::Null;
    match (found, wanted) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            names.into_iter().find_map(|name| {
                let (left, right) = (left.get(name).unwrap_or(&nothing), right.get(name).unwrap_or(&nothing));
                other_value(left, right).map(|deeper| joined(name, &deeper))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            left.iter().zip(right).enumerate().find_map(|(index, (left, right))| {
                other_value(left, right).map(|deeper| joined(&index.to_string(), &deeper))
            })
        }
        (found, wanted) if found == wanted => None,
        (Value::Null, wanted) => Some(format!(" is not given, and is to be {}", shown(wanted))),
        (found, Value::Null) => Some(format!(" is {}, and is not to be given", shown(found))),
        (found, wanted) => Some(format!(" is {}, not {}", shown(found), shown(wanted))),
    }
}

fn joined(name: &str, deeper: &str) -> String {
    if deeper.starts_with(' ') { format!("{name}{deeper}") } else { format!("{name}.{deeper}") }
}

/// A person's values may be long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 100;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        text
    } else {
        format!("{}…", text.chars().take(LONGEST).collect::<String>())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::Stack;

    /// The pins of a chart that has these files, and its folder.
    fn pinned(files: &[(&str, &str)]) -> (ChartPin, tempfile::TempDir) {
        let mut pin = Stack::pgedge().unwrap().pins.chart().unwrap().clone();
        let template = pin.files[0].clone();
        let folder = tempfile::tempdir().unwrap();
        pin.files.clear();
        for (path, text) in files {
            let mut file = template.clone();
            (file.path, file.sha256) = ((*path).to_owned(), Some(Sha256::of(text)));
            pin.files.push(file);
            let place = folder.path().join(path);
            fs_err::create_dir_all(place.parent().unwrap()).unwrap();
            fs_err::write(place, text).unwrap();
        }
        (pin, folder)
    }

    /// As helm keeps it.
    fn kept(pin: &ChartPin, templates: &[(&str, &str)], values: &Value) -> Value {
        let templates: Vec<Value> = templates
            .iter()
            .map(|(name, text)| json!({"name": name, "data": ByteString(text.as_bytes().to_vec())}))
            .collect();
        json!({"metadata": {"name": pin.name, "version": pin.version}, "templates": templates, "values": values})
    }

    const FILES: &[(&str, &str)] =
        &[("Chart.yaml", "name: x"), ("values.yaml", "a: {b: 1, c: null, mode: 0600}"), ("templates/a.yaml", "one")];

    #[test]
    fn a_release_of_the_pinned_files_is_of_this_edition() {
        let (pin, folder) = pinned(FILES);
        let chart = kept(&pin, &[("templates/a.yaml", "one")], &json!({"a": {"b": 1, "mode": 0o600}}));
        assert_eq!(other_edition(&pin, &chart, folder.path()).unwrap(), None);
        let nowhere = folder.path().join("nowhere");
        assert_eq!(other_edition(&pin, &chart, &nowhere).unwrap(), None, "a folder that is not there says nothing");
    }

    #[test]
    fn another_edition_is_told_by_what_differs() {
        let (pin, folder) = pinned(FILES);
        let values = json!({"a": {"b": 1, "mode": 0o600}});
        let other = |chart: &Value| other_edition(&pin, chart, folder.path()).unwrap().unwrap();
        let changed = kept(&pin, &[("templates/a.yaml", "two")], &values);
        assert_eq!(other(&changed), "templates/a.yaml is another file");
        assert_eq!(other(&kept(&pin, &[], &values)), "templates/a.yaml is missing");
        let more = kept(&pin, &[("templates/a.yaml", "one"), ("templates/b.yaml", "")], &values);
        assert_eq!(other(&more), "templates/b.yaml is not part of it");
        let defaults = kept(&pin, &[("templates/a.yaml", "one")], &json!({"a": {"b": 2, "mode": 0o600}}));
        assert_eq!(other(&defaults), "its default a.b is 2, not 1");
        let mut newer = kept(&pin, &[("templates/a.yaml", "one")], &values);
        newer["metadata"]["version"] = "99.0.0".into();
        assert_eq!(other(&newer), format!("it is {} 99.0.0, not {} {}", pin.name, pin.name, pin.version));
    }

    #[test]
    fn other_values_are_told_by_the_first_that_differs() {
        let wanted = json!({"pgEdge": {"nodes": [{"name": "n1"}], "memory": "256Mi"}});
        assert_eq!(other_value(&wanted, &wanted), None);
        for (found, words) in [
            (json!({"pgEdge": {"nodes": [{"name": "n1"}], "memory": "1Gi"}}), r#"pgEdge.memory is "1Gi", not "256Mi""#),
            (
                json!({"pgEdge": {"nodes": [{"name": "n9"}], "memory": "256Mi"}}),
                r#"pgEdge.nodes.0.name is "n9", not "n1""#,
            ),
            (json!({"pgEdge": {"nodes": [{"name": "n1"}]}}), r#"pgEdge.memory is not given, and is to be "256Mi""#),
            (json!({"pgEdge": wanted["pgEdge"], "x": 1}), "x is 1, and is not to be given"),
        ] {
            assert_eq!(other_value(&found, &wanted).unwrap(), words);
        }
        assert!(other_value(&Value::Null, &wanted).unwrap().starts_with(" is not given"));
    }
}
