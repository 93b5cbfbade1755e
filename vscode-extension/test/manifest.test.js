'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { afterEach, mock, test } = require('node:test');
const vm = require('node:vm');

const { editor, load, manifest, program, root } = require('./support');

const declared = manifest.contributes.commands.map(({ command }) => command).sort();
const steps = manifest.contributes.walkthroughs.flatMap((lesson) => lesson.steps.map((step) => ({ lesson, step })));

afterEach(() => mock.restoreAll());

/** The links of a text: the command and what it is told. */
function links(text) {
    return [...text.matchAll(/\(command:([^)?]+)(?:\?([^)]*))?\)/g)].map(([, command, query]) => ({
        command,
        link: query === undefined ? [] : JSON.parse(decodeURIComponent(query)),
    }));
}

test('every declared command is registered, and no other', async () => {
    const here = editor({ settings: { 'pgedge-bootstrap.openAtStart': 'never' } });
    await load('extension.js', here.vscode).activate(here.context);
    assert.deepEqual([...here.registered.keys()].sort(), declared);
    here.dispose();
    assert.deepEqual([...here.registered.keys()], []);
});

test('every declared command is registered where there is no machine', async () => {
    const here = editor();
    await load('web.js', here.vscode).activate(here.context);
    assert.deepEqual([...here.registered.keys()].sort(), declared);
});

test('every button runs the command that it is labelled with', () => {
    const { commandOf, lessonsOf } = require('../lib/lessons');
    const lessons = lessonsOf(manifest, (lesson) => require(`../commands/${lesson}.json`));
    for (const { lesson, step } of steps) {
        const commands = require(`../commands/${lesson.id}.json`)[step.id];
        const named = links(step.description);
        assert.equal(named.length, commands.length);
        named.forEach(({ command, link }, number) => {
            assert.ok(declared.includes(command), command);
            assert.equal(commandOf(lessons, link), commands[number]);
        });
        // Alone on its line, or it is no button.
        const buttons = step.description.split('\n').filter((line) => /^\[Run: [^\]]+\]\(command:[^)]+\)$/.test(line));
        assert.equal(buttons.length, commands.length);
        const page = fs.readFileSync(path.join(root, step.media.markdown), 'utf8');
        assert.deepEqual(links(page), named);
    }
});

test('a walkthrough has the fields that the editor knows, and its pages are there', () => {
    assert.ok(steps.length > 0);
    for (const lesson of manifest.contributes.walkthroughs) {
        assert.deepEqual(Object.keys(lesson), ['id', 'title', 'description', 'steps']);
        const ids = lesson.steps.map((step) => step.id);
        assert.equal(new Set(ids).size, ids.length);
    }
    for (const { step } of steps) {
        assert.deepEqual(Object.keys(step), ['id', 'title', 'description', 'media', 'completionEvents']);
        assert.deepEqual(Object.keys(step.media), ['markdown']);
        assert.ok(fs.statSync(path.join(root, step.media.markdown)).isFile());
    }
});

test('a step is ticked by the key that the extension sets, and by nothing else', () => {
    const { doneKey } = require('../lib/lessons');
    for (const { lesson, step } of steps) {
        assert.deepEqual(step.completionEvents, [`onContext:${doneKey(lesson.id, step.id)}`]);
    }
});

test('no page and no command is left over', () => {
    const names = (folder) => fs.readdirSync(path.join(root, folder), { recursive: true });
    const files = (folder) => names(folder).map((name) => path.join(folder, String(name)));
    const pages = steps.map(({ step }) => path.normalize(step.media.markdown));
    assert.deepEqual(files('media').filter((name) => name.endsWith('.md')).sort(), pages.sort());
    const lessons = manifest.contributes.walkthroughs.map(({ id }) => path.join('commands', `${id}.json`));
    assert.deepEqual(files('commands'), lessons);
});

test('the types are those of the oldest editor that is promised', () => {
    const { dependencies } = require('../tools/package.json');
    assert.equal(manifest.engines.vscode, `^${dependencies['@types/vscode']}`);
    assert.equal(manifest.dependencies, undefined);
});

test('a lock file names no registry', () => {
    for (const name of ['tools', '../tests/vscode']) {
        const { packages } = JSON.parse(fs.readFileSync(path.join(root, name, 'package-lock.json'), 'utf8'));
        const pinned = Object.entries(packages).filter(([place]) => place !== '');
        assert.ok(pinned.length > 0);
        for (const [place, { resolved, integrity }] of pinned) {
            assert.ok(resolved === undefined && integrity !== undefined, place);
        }
    }
});

test('where there is no machine, nothing but the editor is needed', async () => {
    const here = editor({ settings: { 'pgedge-bootstrap.openAtStart': 'always' }, answer: 'Open a Codespace' });
    const answers = program();
    const source = fs.readFileSync(path.join(root, manifest.browser), 'utf8');
    const module = { exports: {} };
    const require = (name) => {
        assert.equal(name, 'vscode');
        return here.vscode;
    };
    // No process, no Buffer, no timers: a context has the language and nothing of Node.
    vm.runInNewContext(`(function (module, require) {${source}\n})`, {})(module, require);
    await module.exports.activate(here.context);
    await module.exports.activate(here.context);
    const opened = here.seen.commands.filter(([name]) => name === 'workbench.action.openWalkthrough');
    assert.deepEqual(opened, [['workbench.action.openWalkthrough', 'pgedge.pgedge-bootstrap#active-active', false]]);
    await here.run('active-active', 'orient', 0);
    assert.match(here.seen.messages[0].text, /no terminal/);
    assert.deepEqual(here.seen.opened, ['https://codespaces.new/pgEdge/pgedge-bootstrap']);
    assert.deepEqual([answers.asked, here.seen.terminals], [[], []]);
});
