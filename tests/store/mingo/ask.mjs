// Reads {documents, query} objects, a list of them, as JSON on standard input; writes the numbers of the documents that
// mingo selects for each, or null where it refuses the query.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Query } = createRequire(`${process.cwd()}/`)("mingo");

const answer = ({ documents, query }) => {
  try {
    const asked = new Query(query);
    return documents.flatMap((document, number) => (asked.test(document) ? [number] : []));
  } catch {
    return null;
  }
};

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(answer)));
