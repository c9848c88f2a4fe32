import{a as o,b as t}from"./chunk-GKOPLX2M.js";import"./chunk-N22FKDXT.js";function m(e){let r=new o(t()).attach(e);e.addEventListener("message",({data:s})=>r(s)),e.start()}export{m as serve};
