'use strict';

// The lessons that the manifest contributes, each with the commands of its steps. Both are exported from `tutorial/`.

/**
 * @typedef {{id: string, title: string, steps: Map<string, Step>}} Lesson
 * @typedef {{id: string, title: string, commands: string[]}} Step
 */

/**
 * @param {any} manifest package.json
 * @param {(lesson: string) => Record<string, string[]>} commandsOf the commands of a lesson, by step
 * @returns {Map<string, Lesson>}
 */
function lessonsOf(manifest, commandsOf) {
    const lessons = new Map();
    for (const { id, title, steps } of manifest.contributes.walkthroughs) {
        const commands = new Map(Object.entries(commandsOf(id)));
        const step = (/** @type {any} */ step) => ({ id: step.id, title: step.title, commands: commands.get(step.id) ?? [] });
        lessons.set(id, { id, title, steps: new Map(steps.map((/** @type {any} */ one) => [one.id, step(one)])) });
    }
    return lessons;
}

/**
 * The command that a link names. Anybody can write a link, so nothing of it is run or shown: it chooses among what is in
 * the lessons, or chooses nothing.
 *
 * @param {Map<string, Lesson>} lessons
 * @param {unknown[]} link
 * @returns {string | undefined}
 */
function commandOf(lessons, link) {
    const [lesson, step, number] = link;
    if (link.length !== 3 || typeof lesson !== 'string' || typeof step !== 'string' || !Number.isInteger(number)) {
        return undefined;
    }
    return lessons.get(lesson)?.steps.get(step)?.commands[/** @type {number} */ (number)];
}

/** What a `completionEvents: onContext:` of the manifest waits for. */
function doneKey(/** @type {string} */ lesson, /** @type {string} */ step) {
    return `pgedge-bootstrap.${lesson}.${step}.done`;
}

module.exports = { commandOf, doneKey, lessonsOf };
