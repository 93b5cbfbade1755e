'use strict';

// How the person is told what is in the way: a program that is missing, a workspace that is not trusted.

const vscode = require('vscode');

const { ProgramMissing } = require('./program');

const HOW_TO_INSTALL = 'https://github.com/pgEdge/pgedge-bootstrap#readme';

class Trouble {
    /** @param {vscode.LogOutputChannel} log */
    constructor(log) {
        this.log = log;
        this.missing = vscode.window.createStatusBarItem('pgedge-bootstrap.missing', vscode.StatusBarAlignment.Left);
        this.missing.name = 'pgEdge';
        this.missing.text = '$(warning) pgEdge: program missing';
        this.missing.tooltip = 'The program pgedge-bootstrap is not on this machine. Select this to read how to install it.';
        this.missing.accessibilityInformation = { label: 'pgEdge: the program pgedge-bootstrap is missing. How to install it' };
        this.missing.command = 'pgedge-bootstrap.showMissing';
    }

    /** The program has answered, or is another one now. */
    isNotMissing() {
        this.missing.hide();
    }

    /** A look has failed. What is missing stays so until somebody does something; everything else may pass. */
    failed(/** @type {unknown} */ error) {
        if (error instanceof ProgramMissing) {
            this.log.info(error.message);
            this.missing.show();
            return 'give up';
        }
        this.log.error(/** @type {Error} */ (error));
        return 'try again';
    }

    /** What somebody asked for has failed. */
    async explain(/** @type {unknown} */ error) {
        if (this.failed(error) === 'give up') {
            const install = 'How to Install It';
            const said = `The lesson needs the program pgedge-bootstrap, and ${/** @type {Error} */ (error).message}.`;
            if ((await vscode.window.showErrorMessage(said, install)) === install) {
                await vscode.env.openExternal(vscode.Uri.parse(HOW_TO_INSTALL));
            }
            return;
        }
        const details = 'Show Details';
        if ((await vscode.window.showErrorMessage('pgedge-bootstrap did not answer.', details)) === details) {
            this.log.show();
        }
    }

    /** Nothing runs in a workspace that is not trusted. */
    async askForTrust() {
        const trust = 'Manage Workspace Trust';
        const said = 'The program and the commands of the lesson run in the folder of this workspace. Trust it first.';
        if ((await vscode.window.showWarningMessage(said, trust)) === trust) {
            await vscode.commands.executeCommand('workbench.trust.manage');
        }
    }

    dispose() {
        this.missing.dispose();
    }
}

module.exports = { Trouble };
