import receiveGo from "../../../../docs/samples/receive.go?raw"
import receiveJava from "../../../../docs/samples/Receive.java?raw"
// oxlint-disable-next-line import/default -- with ?raw it is the text of the file
import receiveNode from "../../../../docs/samples/receive.mjs?raw"
import receivePhp from "../../../../docs/samples/receive.php?raw"
import receiveRuby from "../../../../docs/samples/receive.ru?raw"
import receivePython from "../../../../docs/samples/receive_flask.py?raw"
import verifyGo from "../../../../docs/samples/verify.go?raw"
import verifyJava from "../../../../docs/samples/Verify.java?raw"
// oxlint-disable-next-line import/default -- with ?raw it is the text of the file
import verifyNode from "../../../../docs/samples/verify.mjs?raw"
import verifyPhp from "../../../../docs/samples/verify.php?raw"
import verifyPython from "../../../../docs/samples/verify.py?raw"
import verifyRuby from "../../../../docs/samples/verify.rb?raw"

/** The samples of docs/receiving.md, which the tests run: what is shown here is what was tested. */

export interface Sample {
  /** In the address. */
  readonly id: string
  readonly label: string
  /** The functions that verify, and the file's name. */
  readonly verify: readonly [file: string, text: string]
  /** A whole endpoint. */
  readonly receive: readonly [file: string, text: string]
  /** What must be given to them, and what commonly spoils the body. */
  readonly body: string
}

export const samples: ReadonlyArray<Sample> = [
  {
    id: "node",
    label: "Node / TypeScript",
    verify: ["verify.mjs", verifyNode],
    receive: ["receive.mjs", receiveNode],
    body:
      "The body is a Buffer. In Express use express.raw({ type: \"application/json\", limit: \"1mb\" }) on this route, before any express.json()."
  },
  {
    id: "python",
    label: "Python",
    verify: ["verify.py", verifyPython],
    receive: ["receive_flask.py", receivePython],
    body:
      "The body is bytes: request.get_data() in Flask, request.body in Django (with @csrf_exempt), never json.dumps of what was parsed."
  },
  {
    id: "go",
    label: "Go",
    verify: ["verify.go", verifyGo],
    receive: ["receive.go", receiveGo],
    body: "The body is io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)), read before any JSON decoder."
  },
  {
    id: "php",
    label: "PHP",
    verify: ["verify.php", verifyPhp],
    receive: ["receive.php", receivePhp],
    body:
      "The body is file_get_contents('php://input'), or $request->getContent() in Laravel on a route without its CSRF check."
  },
  {
    id: "ruby",
    label: "Ruby",
    verify: ["verify.rb", verifyRuby],
    receive: ["receive.ru", receiveRuby],
    body: "The body is request.raw_post in Rails (with skip_forgery_protection), never params.to_json."
  },
  {
    id: "java",
    label: "Java",
    verify: ["Verify.java", verifyJava],
    receive: ["Receive.java", receiveJava],
    body:
      "The body is byte[]: @RequestBody byte[] in Spring, on a path without its CSRF check, and before any filter that reads it."
  }
]
