"""What becomes of many scripts and style sheets: see also the template's tests in a browser."""

import pytest

from operations.bundle import BUNDLE_NAME, Module, bundled, flat

DOM = """\
// Elements.

/** The element of this name. */
export function part(root, name) {
  return root.querySelector(`[data-part=${name}]`);
}

export const show = (element) => (element.hidden = false);
"""
PAGE = """\
import { part, show as reveal } from "../js/dom.js";

reveal(part(document, "room"));
if (part(document, "later")) import("./later.js");
"""
LATER = """\
import "../js/dom.js";
export { show } from "../js/dom.js";

async function wait() {}

export { wait as pause };
"""

MADE = """
"js/dom.js": once(async () => {
// Elements.

function part(root, name) {
  return root.querySelector(`[data-part=${name}]`);
}

const show = (element) => (element.hidden = false);
return { part, show };
}),

"chat/later.js": once(async () => {
await $modules["js/dom.js"]();
const { show } = await $modules["js/dom.js"]();

async function wait() {}
return { show, pause: wait };
}),

"chat/page.js": once(async () => {
const { part, show: reveal } = await $modules["js/dom.js"]();

reveal(part(document, "room"));
if (part(document, "later")) $modules["chat/later.js"]();
}),
};
"""


def test_modules_become_functions_in_one_file() -> None:
    made = bundled({"chat/page.js": PAGE, "chat/later.js": LATER, "js/dom.js": DOM})
    assert made[BUNDLE_NAME].endswith("\nexport const $modules = {\n" + MADE)


def test_a_stub_exports_what_the_module_does() -> None:
    made = bundled({"chat/page.js": PAGE, "chat/later.js": LATER, "js/dom.js": DOM, "top.js": DOM})
    del made[BUNDLE_NAME]
    assert made == {
        "js/dom.js": 'import { $modules } from "../modules.js";\n'
        'export const { part, show } = await $modules["js/dom.js"]();\n',
        "top.js": 'import { $modules } from "./modules.js";\n'
        'export const { part, show } = await $modules["top.js"]();\n',
        "chat/later.js": 'import { $modules } from "../modules.js";\n'
        'export const { show, pause } = await $modules["chat/later.js"]();\n',
        "chat/page.js": 'import { $modules } from "../modules.js";\n'
        'await $modules["chat/page.js"]();\n',
    }


def test_a_script_that_is_no_module_stays_a_file_of_its_own() -> None:
    assert bundled({"js/theme.js": "let theme = null;"}).keys() == {BUNDLE_NAME}


@pytest.mark.parametrize(
    "source",
    [
        'import dom from "./dom.js";',
        'import * as dom from "./dom.js";',
        'import { part } from "dom";',
        'import { absent } from "./dom.js";',
        'import { part } from "./absent.js";',
        'import{part as a}from"./dom.js";a();export{a as b};',
        "export let count = 0;",
        "export const { a, b } = window;",
        "export default 1;",
        'export * from "./dom.js";',
        'import "./dom.js";\nimport(`./${document.title}.js`);',
        'import "./dom.js";\nfetch(new URL("a.json", import.meta.url));',
        'import "./page.js";',
    ],
)
def test_a_module_of_another_kind_stays_a_file_with_those_that_import_it(source: str) -> None:
    user = 'import "./page.js";'
    made = bundled({"js/dom.js": DOM, "js/page.js": source, "js/user.js": user, "js/own.js": LATER})
    assert not {"js/page.js", "js/user.js"} & made.keys()


def test_a_style_sheet_has_in_it_what_it_imports() -> None:
    sheets = {
        "css/site.css": '@layer base, top;\n\n@import url("base.css") layer(base);\n'
        '@import "more.css";\n\nb {\n}\n',
        "css/base.css": "a {\n}\n",
        "css/more.css": '@import url("base.css");\n',
    }
    assert flat("css/site.css", sheets) == (
        "@layer base, top;\n\n@layer base {\na {\n}\n}\n\na {\n}\n\n\n\nb {\n}\n"
    )


@pytest.mark.parametrize(
    "line",
    ['@import url("../chat/chat.css");', '@import "print.css" print;', '@import "absent.css";'],
)
def test_a_style_sheet_stays_as_it_is_where_an_import_would_remain(line: str) -> None:
    sheets = {
        "css/site.css": f'@import "print.css";\n{line}\n',
        "css/over.css": '@import "site.css";\n',
        "css/print.css": "a {\n}\n",
    }
    assert flat("css/site.css", sheets) == sheets["css/site.css"]
    assert flat("css/over.css", sheets) == sheets["css/over.css"]


def test_a_module_whose_exports_may_change_stays_a_file() -> None:
    module = Module("chat/now.js", "let current = null;\n\nexport { current };\n")
    assert not module.is_understood
    assert Module("chat/now.js", "const current = 1;\n\nexport { current };\n").is_understood


def test_a_source_map_is_left_out() -> None:
    source = "export const a = 1;\n//# sourceMappingURL=lib.js.map\n"
    assert Module("lib.js", source).body == "const a = 1;\n"
