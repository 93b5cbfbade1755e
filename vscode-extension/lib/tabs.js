'use strict';

// Which tab is the lesson's. Extensions are not told which one is a walkthrough: it is of no kind that they know, as are
// settings, and in most editors it is labelled as every walkthrough is, in the person's language. So it is one that is labelled
// as that where something was clicked; before that, any of no kind, once the lesson was shown in this workspace.

const vscode = require('vscode');

/** What is kept of a workspace where the lesson was shown: the label of the tab in which it was clicked, or nothing. */
const KEY = 'shown';

class LessonTabs {
    /**
     * @param {object} with_
     * @param {vscode.Memento} with_.memory of the workspace: the window may be loaded again
     * @param {string} with_.name by which some editors label the walkthroughs of an extension
     * @param {(error: Error) => void} with_.failed what is not kept is no reason not to go on
     */
    constructor({ memory, name, failed }) {
        this.memory = memory;
        this.name = name;
        this.failed = failed;
    }

    /** The lesson was shown. */
    shown(/** @type {vscode.Tab | undefined} */ tab = undefined) {
        const label = tab?.input === undefined ? tab?.label : undefined;
        this.memory.update(KEY, label ?? this.memory.get(KEY, '')).then(undefined, this.failed);
    }

    /** Something was clicked in the lesson, so it is in front. */
    clicked() {
        this.shown(vscode.window.tabGroups.activeTabGroup.activeTab);
    }

    /** @param {vscode.Tab} tab */
    isLesson(tab) {
        const label = this.memory.get(KEY);
        if (label === undefined || tab.input !== undefined) {
            return false;
        }
        return label === '' || tab.label === label || tab.label.includes(this.name);
    }

    get isOpen() {
        return vscode.window.tabGroups.all.some((group) => group.tabs.some((tab) => this.isLesson(tab)));
    }
}

module.exports = { LessonTabs };
