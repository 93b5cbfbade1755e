'use strict';

// Where there is no machine below the window, as on vscode.dev: the lesson can be read, and its buttons say where they work.
// An extension there is one file, without Node's modules.

const vscode = require('vscode');

const CODESPACE = 'https://codespaces.new/pgEdge/pgedge-bootstrap';

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
    const [{ id }] = context.extension.packageJSON.contributes.walkthroughs;
    const open = () =>
        vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#${id}`, false);
    context.subscriptions.push(
        vscode.commands.registerCommand('pgedge-bootstrap.open', open),
        vscode.commands.registerCommand('pgedge-bootstrap.run', sayWhere),
        vscode.commands.registerCommand('pgedge-bootstrap.showMissing', sayWhere),
    );
    const wish = vscode.workspace.getConfiguration('pgedge-bootstrap').get('openAtStart');
    if (wish === 'always' && !context.globalState.get('opened')) {
        await open();
        await context.globalState.update('opened', true);
    }
}

async function sayWhere() {
    const codespace = 'Open a Codespace';
    const said =
        'This window has no terminal, so the commands of the lesson cannot run here. ' +
        'They do in a Codespace, and in Visual Studio Code on a machine.';
    if ((await vscode.window.showInformationMessage(said, codespace)) === codespace) {
        await vscode.env.openExternal(vscode.Uri.parse(CODESPACE));
    }
}

module.exports = { activate };
