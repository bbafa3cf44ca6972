// The API's description, to read and to try. Swagger UI draws it; its file, loaded before this one, sets SwaggerUIBundle.

const { SwaggerUIBundle } = /** @type {{SwaggerUIBundle: (options: object) => void}} */ (/** @type {unknown} */ (globalThis));

SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list", // a hundred calls: each a line, until it is opened
  defaultModelsExpandDepth: -1, // a call shows the shapes that it needs
  filter: true,
  validatorUrl: null, // which would be another host
});
