//! Server-side apply: what is given is merged into what is there, and a field of another manager is a conflict.

use serde_json::{Value, json};

use super::address::Asked;
use super::answer::{Answer, refusal};

/// The object that comes of applying, or the conflict.
pub(super) fn applied(found: Option<&Value>, asked: &Asked) -> Result<Value, Answer> {
    let manager = asked.query("fieldManager").unwrap();
    let Some(found) = found else {
        let mut object = asked.body.clone();
        manage(&mut object, manager);
        return Ok(object);
    };
    let managers = found["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let other = managers.iter().filter_map(|entry| entry["manager"].as_str()).find(|name| *name != manager);
    if let (Some(other), false) = (other, asked.is_forced())
        && let Some(field) = conflict(found, &asked.body, "")
    {
        let message = format!("Apply failed with 1 conflict: conflict with {other:?}: {field}");
        return Err(refusal(409, "Conflict", message));
    }
    let mut object = found.clone();
    // What this manager gave before and does not give now goes; of the maps that matter here, that is the data of a ConfigMap.
    if other.is_none() && asked.body["data"].is_object() {
        object["data"] = Value::Null;
    }
    merge(&mut object, &asked.body);
    manage(&mut object, manager);
    Ok(object)
}

fn manage(object: &mut Value, manager: &str) {
    let entry = json!({"manager": manager, "operation": "Apply"});
    match object["metadata"]["managedFields"].as_array_mut() {
        Some(entries) if entries.contains(&entry) => {}
        Some(entries) => entries.push(entry),
        None => object["metadata"]["managedFields"] = json!([entry]),
    }
}

/// The first field that is there with another value.
fn conflict(found: &Value, given: &Value, path: &str) -> Option<String> {
    match (found, given) {
        (Value::Object(found), Value::Object(given)) => given.iter().find_map(|(name, given)| {
            let found = found.get(name)?;
            conflict(found, given, &format!("{path}.{name}"))
        }),
        (found, given) => (found != given).then(|| path.to_owned()),
    }
}

/// A list of things with names is merged by them; another one is replaced.
pub(super) fn merge(found: &mut Value, given: &Value) {
    match (found, given) {
        (Value::Object(found), Value::Object(given)) => {
            for (name, given) in given {
                let found = found.entry(name).or_insert(Value::Null);
                // Kubernetes takes a selector as one value.
                if name.to_lowercase().ends_with("selector") { *found = given.clone() } else { merge(found, given) }
            }
        }
        (Value::Array(found), Value::Array(given)) if given.iter().all(|item| item["name"].is_string()) => {
            let merged = given.iter().map(|given| {
                let mut item = found.iter().find(|item| item["name"] == given["name"]).cloned().unwrap_or_default();
                merge(&mut item, given);
                item
            });
            *found = merged.collect();
        }
        (found, given) => *found = given.clone(),
    }
}
